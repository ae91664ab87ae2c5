// OPC UA server on node-opcua, as a peer that genba did not write.
//
// Usage: node opcua_peer.js FOLDER [PORT=0] [OPTION…]
//   FOLDER       where it keeps its certificates; PORT 0: a free one
//   secure       offers only encrypted endpoints (Basic256Sha256), and takes every client certificate
//   aes          the same with Aes128_Sha256_RsaOaep and Aes256_Sha256_RsaPss
//   strict       takes only client certificates that somebody has trusted
//   users        lets in only the user edge with the password sesame
//   packml       has the machine Packer1 of OPC 30050 under Objects; machinery: Press1 of OPC 40001-1 under Machines
//   shifted      registers another namespace first, so that the index of urn:genba:peer moves by one
//   few-items    refuses the third monitored item of a subscription
//   one-subscription  refuses the second subscription of a session
//   large-calls-close  closes the connection at a request for more than 20 nodes or items, and names no limits
//   many         has 60 more variables s=v0 … s=v59 (UInt32)
//   small-calls  takes 2 nodes in one read and 2 items in one request
// Prints "endpoint URL" when it listens. Variables in namespace urn:genba:peer: s=parts (UInt32), s=scrap (Int32),
// s=temperature (Double), s=reset (Boolean), s=order (String), s=boxes (array of UInt32), s=big (Int64), s=when (DateTime);
// the object s=Line with the variable Line/Good (UInt32), node id s=line-good.
// Commands, one a line on standard input, each answered with one line on standard output:
//   set NAME JSON [STATUS] [SOURCE_TIME]   ok    STATUS is a node-opcua name such as BadSensorFailure
//   burst NAME COUNT                       ok    COUNT values 1, 2, … within one turn of the event loop
//   remove NAME | add NAME                 ok    take a variable out of the address space, or put it back
//   reset                                  ok    every variable as at the start, and no session
//   forget                                 ok    drop every subscription and keep the sessions
//   mute                                   ok    subscriptions publish nothing more, not even keep-alives
//   stall                                  ok    subscriptions send keep-alives and no data
//   skip                                   ok    a message number of each subscription is left out and cannot be had
//   lose                                   ok    the next message with data is lost on its way; it can be had again
//   raw NAME JSON STATUS_NUMBER            ok    a status code that has no name
//   execute NAME                           ok    the ExecuteState of Packer1; "-": not active
//   item NAME | mode NAME                  ok    the MachineryItemState and MachineryOperationMode of Press1
//   counts NAME JSON                       ok    [[ID, name, count, accumulated count], …] of Packer1
//   subscriptions                          N
//   sessions                               N
// Ends when standard input ends.
const net = require("node:net");
const path = require("node:path");
const readline = require("node:readline");
const {
  DataType, MessageSecurityMode, OPCUACertificateManager, OPCUAServer, SecurityPolicy, StatusCodes, Variant,
  VariantArrayType, DataValue, coerceInt64, coerceLocalizedText, nodesets,
} = require("node-opcua");

const TYPES = {
  parts: [DataType.UInt32, 0], scrap: [DataType.Int32, 0], temperature: [DataType.Double, 0],
  reset: [DataType.Boolean, false], order: [DataType.String, ""], boxes: [DataType.UInt32, [1, 2]],
  big: [DataType.Int64, coerceInt64(0)], when: [DataType.DateTime, new Date(0)],
};
const POLICIES = {
  secure: [SecurityPolicy.Basic256Sha256], aes: [SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss],
};

// Standard output is for answers; what the library has to say goes to standard error.
const say = (line) => process.stdout.write(`${line}\n`);
console.log = console.info = console.warn = (...words) => console.error(...words);

function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function variantOf(name, value) {
  const arrayType = Array.isArray(value) ? VariantArrayType.Array : VariantArrayType.Scalar;
  return new Variant({ dataType: TYPES[name][0], arrayType, value });
}

function addVariable(state, name) {
  state.variables[name] = state.namespace.addVariable({
    organizedBy: state.space.rootFolder.objects, browseName: name, nodeId: `s=${name}`, dataType: TYPES[name][0],
    valueRank: Array.isArray(TYPES[name][1]) ? 1 : -1, minimumSamplingInterval: 50,
  });
  state.variables[name].setValueFromSource(variantOf(name, TYPES[name][1]));
}

function set(state, name, json, status, time) {
  const at = time ? new Date(time) : undefined;
  state.variables[name].setValueFromSource(variantOf(name, JSON.parse(json)), StatusCodes[status || "Good"], at);
}

function endSessions(engine) {
  for (const session of Object.values(engine._sessions)) engine.closeSession(session.authenticationToken, true, "Terminated");
}

function subscriptions(state) {
  return Object.values(state.server.engine._sessions).flatMap((session) => session.publishEngine.subscriptions);
}

function monitoredItems(state) {
  return subscriptions(state).flatMap((subscription) => [...subscription.monitoredItems.values()]);
}

// Queues the values as a server does that samples faster than it publishes.
function burst(state, name, count) {
  for (let value = 1; value <= count; value++) {
    set(state, name, String(value));
    for (const item of monitoredItems(state)) {
      if (item.node === state.variables[name]) item.recordValue(new DataValue(state.variables[name].readValue()), true);
    }
  }
}

function addLine(state) {
  const { namespace, space } = state;
  const line = namespace.addObject({ organizedBy: space.rootFolder.objects, browseName: "Line", nodeId: "s=Line" });
  TYPES.good = [DataType.UInt32, 0];
  state.variables.good = namespace.addVariable({
    componentOf: line, browseName: "Good", nodeId: "s=line-good", dataType: DataType.UInt32,
    value: variantOf("good", 0), minimumSamplingInterval: 50,
  });
}

function addMachine(state, options) {
  const { space, namespace } = state;
  if (options.includes("packml")) {
    const index = space.getNamespaceIndex("http://opcfoundation.org/UA/PackML/");
    state.countType = space.findDataType("PackMLCountDataType", index);
    const machine = space.findObjectType("PackMLBaseObjectType", index).instantiate({
      browseName: "Packer1", namespace, organizedBy: space.rootFolder.objects, nodeId: "s=Packer1",
      optionals: ["Admin.ProdProcessedCount", "Admin.ProdDefectiveCount", "Admin.ProdConsumedCount"],
    });
    const child = (object, name) => object.getChildByName(name, index) || object.getChildByName(name);
    state.counts = {};
    for (const name of ["Processed", "Defective", "Consumed"]) {
      state.counts[name.toLowerCase()] = child(child(machine, "Admin"), `Prod${name}Count`);
    }
    const base = child(machine, "BaseStateMachine");
    state.execute = child(child(child(base, "MachineState"), "ExecuteState"), "CurrentState");
    child(child(machine, "Status"), "CurMachSpeed").setValueFromSource({ dataType: DataType.Float, value: 12.5 });
    child(child(machine, "Status"), "UnitModeCurrent").setValueFromSource({ dataType: DataType.Int32, value: 1 });
  }
  if (options.includes("machinery")) {
    const uri = "http://opcfoundation.org/UA/Machinery/";
    const index = space.getNamespaceIndex(uri), machinery = space.getNamespace(uri);
    const machines = space.rootFolder.objects.getFolderElementByName("Machines", index);
    const press = namespace.addObject({ organizedBy: machines, browseName: "Press1", nodeId: "s=Press1" });
    const blocks = namespace.addObject({
      componentOf: press, browseName: { name: "MachineryBuildingBlocks", namespaceIndex: index }, typeDefinition: "FolderType",
    });
    const machine = (type, name) => space.findObjectType(type, index).instantiate({
      browseName: { name, namespaceIndex: index }, componentOf: blocks, namespace,
    }).getChildByName("CurrentState");
    state.item = machine("MachineryItemState_StateMachineType", "MachineryItemState");
    state.mode = machine("MachineryOperationModeStateMachineType", "MachineryOperationMode");
  }
}

function tellState(variable, name) {
  if (name === "-") variable.setValueFromSource({ dataType: DataType.Null }, StatusCodes.BadStateNotActive);
  else variable.setValueFromSource({ dataType: DataType.LocalizedText, value: coerceLocalizedText(name) });
}

function tellCounts(state, name, json) {
  const value = JSON.parse(json).map(([iD, label, count, accCount]) => state.space.constructExtensionObject(
    state.countType, { id: iD, iD, name: label, unit: {}, count, accCount }));
  state.counts[name].setValueFromSource(
    new Variant({ dataType: DataType.ExtensionObject, arrayType: VariantArrayType.Array, value }));
}

// Takes the answer to the next notification with data away, and keeps the publish request for another one.
function loseNext(subscription) {
  const engine = subscription.publishEngine;
  const send = engine._send_response;
  engine._send_response = function (owner, response) {
    if (!response.notificationMessage.notificationData?.length) return send.call(this, owner, response);
    engine._send_response = send;
    return undefined;
  };
}

// The next read of `name` is not answered: `told` becomes 5 and is published, then every connection is cut, then it is 6.
function cutWhileReading(state, name, told) {
  state.variables[name].refreshFunc = (answer) => {
    state.variables[name].refreshFunc = undefined;
    set(state, told, "5");
    setTimeout(() => {
      for (const endpoint of state.server.endpoints) {
        for (const channel of Object.values(endpoint._channels)) channel.abruptlyInterrupt();
      }
      set(state, told, "6");
      answer(null, state.variables[name].readValue());
    }, 500);
  };
}

function obey(state, line) {
  const [word, name, json, status, time] = line.trim().split(" ");
  switch (word) {
    case "stall":
      for (const item of monitoredItems(state)) item._enqueue_value = () => undefined;
      return "ok";
    case "skip": subscriptions(state).forEach((subscription) => subscription._get_next_sequence_number()); return "ok";
    case "cut": cutWhileReading(state, name, json); return "ok";
    case "lose": subscriptions(state).forEach(loseNext); return "ok";
    case "raw":
      state.variables[name].setValueFromSource(
        variantOf(name, JSON.parse(json)), Object.create(StatusCodes.Bad, { value: { value: Number(status) } }));
      return "ok";
    case "execute": case "item": case "mode": tellState(state[word], name); return "ok";
    case "counts": tellCounts(state, name, json); return "ok";
    case "subscriptions": return String(subscriptions(state).length);
    case "set": set(state, name, json, status, time); return "ok";
    case "burst": burst(state, name, Number(json)); return "ok";
    case "remove": state.space.deleteNode(state.variables[name]); return "ok";
    case "add": addVariable(state, name); return "ok";
    case "reset":
      endSessions(state.server.engine);
      for (const name of Object.keys(TYPES)) state.variables[name].setValueFromSource(variantOf(name, TYPES[name][1]));
      return "ok";
    case "forget": subscriptions(state).forEach((subscription) => subscription.terminate()); return "ok";
    case "mute": subscriptions(state).forEach((subscription) => subscription._stop_timer()); return "ok";
    case "sessions": return String(state.server.currentSessionCount);
    default: return "unknown command";
  }
}

// A PLC with too little memory for a large request: it drops the connection instead of answering.
function closeOnLargeCalls(server) {
  for (const endpoint of server.endpoints) {
    endpoint.prependListener("message", ({ request }, channel) => {
      if ((request.nodesToRead || request.itemsToCreate || []).length > 20) channel.abruptlyInterrupt();
    });
  }
}

async function main() {
  const [folder, port = "0", ...options] = process.argv.slice(2);
  const policies = Object.keys(POLICIES).filter((option) => options.includes(option)).flatMap((option) => POLICIES[option]);
  const rootFolder = path.join(folder, "pki");
  const server = new OPCUAServer({
    port: Number(port) || await freePort(),
    hostname: "127.0.0.1",
    securityPolicies: policies.length ? policies : [SecurityPolicy.None],
    securityModes: policies.length ? [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt] : [MessageSecurityMode.None],
    nodeset_filename: [
      nodesets.standard, ...(options.includes("packml") ? [nodesets.packML] : []),
      ...(options.includes("machinery") ? [nodesets.di, nodesets.ia, nodesets.machinery] : []),
    ],
    ...(options.includes("users") && {
      allowAnonymous: false, userManager: { isValidUser: (user, password) => user === "edge" && password === "sesame" },
    }),
    serverCapabilities: {
      maxSessions: 100, // sessions whose connection was cut live on until they time out
      ...(options.includes("one-subscription") && { maxSubscriptionsPerSession: 1 }),
      ...(options.includes("large-calls-close") && { operationLimits: { maxNodesPerRead: 0, maxMonitoredItemsPerCall: 0 } }),
      ...(options.includes("few-items") && { maxMonitoredItemsPerSubscription: 2 }),
      ...(options.includes("small-calls") && { operationLimits: { maxNodesPerRead: 2, maxMonitoredItemsPerCall: 2 } }),
    },
    serverCertificateManager: new OPCUACertificateManager({
      rootFolder, automaticallyAcceptUnknownCertificate: !options.includes("strict"),
    }),
    userCertificateManager: new OPCUACertificateManager({ rootFolder: path.join(folder, "users") }),
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  if (options.includes("shifted")) space.registerNamespace("urn:genba:another");
  const state = { server, space, namespace: space.registerNamespace("urn:genba:peer"), variables: {} };
  if (options.includes("many")) for (let i = 0; i < 60; i++) TYPES[`v${i}`] = [DataType.UInt32, i];
  Object.keys(TYPES).forEach((name) => addVariable(state, name));
  addLine(state);
  addMachine(state, options);
  if (options.includes("large-calls-close")) closeOnLargeCalls(server);
  await server.start();
  say(`endpoint opc.tcp://127.0.0.1:${server.endpoints[0].port}`);
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    let reply;
    try { reply = obey(state, line); } catch (error) { reply = `error ${error.message.split("\n")[0]}`; }
    say(reply);
  });
  lines.on("close", () => process.exit(0));
}

main();
