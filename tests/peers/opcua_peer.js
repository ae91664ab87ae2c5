// OPC UA server on node-opcua, as a peer that genba did not write.
//
// Usage: node opcua_peer.js FOLDER [PORT=0] [OPTION…]
//   FOLDER       where it keeps its certificates; PORT 0: a free one
//   secure       offers only encrypted endpoints
//   shifted      registers another namespace first, so that the index of urn:genba:peer moves by one
//   few-items    refuses the third monitored item of a subscription
//   small-calls  takes 2 nodes in one read and 2 items in one request
// Prints "endpoint URL" when it listens. Variables in namespace urn:genba:peer: s=parts (UInt32), s=scrap (Int32),
// s=temperature (Double), s=reset (Boolean), s=order (String), s=boxes (array of UInt32).
// Commands, one a line on standard input, each answered with one line on standard output:
//   set NAME JSON [STATUS] [SOURCE_TIME]   ok    STATUS is a node-opcua name such as BadSensorFailure
//   burst NAME COUNT                       ok    COUNT values 1, 2, … within one turn of the event loop
//   remove NAME | add NAME                 ok    take a variable out of the address space, or put it back
//   reset                                  ok    every variable as at the start
//   forget                                 ok    drop every subscription and keep the sessions
//   mute                                   ok    subscriptions publish nothing more, not even keep-alives
//   sessions                               N
// Ends when standard input ends.
const net = require("node:net");
const path = require("node:path");
const readline = require("node:readline");
const {
  DataType, MessageSecurityMode, OPCUACertificateManager, OPCUAServer, SecurityPolicy, StatusCodes, Variant,
  VariantArrayType,
} = require("node-opcua");

const TYPES = {
  parts: [DataType.UInt32, 0], scrap: [DataType.Int32, 0], temperature: [DataType.Double, 0],
  reset: [DataType.Boolean, false], order: [DataType.String, ""], boxes: [DataType.UInt32, [1, 2]],
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

function subscriptions(state) {
  return Object.values(state.server.engine._sessions).flatMap((session) => session.publishEngine.subscriptions);
}

function obey(state, line) {
  const [word, name, json, status, time] = line.trim().split(" ");
  switch (word) {
    case "set": set(state, name, json, status, time); return "ok";
    case "burst":
      for (let value = 1; value <= Number(json); value++) set(state, name, String(value));
      return "ok";
    case "remove": state.space.deleteNode(state.variables[name]); return "ok";
    case "add": addVariable(state, name); return "ok";
    case "reset":
      for (const name of Object.keys(TYPES)) state.variables[name].setValueFromSource(variantOf(name, TYPES[name][1]));
      return "ok";
    case "forget": subscriptions(state).forEach((subscription) => subscription.terminate()); return "ok";
    case "mute": subscriptions(state).forEach((subscription) => subscription._stop_timer()); return "ok";
    case "sessions": return String(state.server.currentSessionCount);
    default: return "unknown command";
  }
}

async function main() {
  const [folder, port = "0", ...options] = process.argv.slice(2);
  const secure = options.includes("secure");
  const server = new OPCUAServer({
    port: Number(port) || await freePort(),
    hostname: "127.0.0.1",
    securityPolicies: [secure ? SecurityPolicy.Basic256Sha256 : SecurityPolicy.None],
    securityModes: secure ? [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt] : [MessageSecurityMode.None],
    serverCapabilities: {
      ...(options.includes("few-items") && { maxMonitoredItemsPerSubscription: 2 }),
      ...(options.includes("small-calls") && { operationLimits: { maxNodesPerRead: 2, maxMonitoredItemsPerCall: 2 } }),
    },
    serverCertificateManager: new OPCUACertificateManager({ rootFolder: path.join(folder, "pki") }),
    userCertificateManager: new OPCUACertificateManager({ rootFolder: path.join(folder, "users") }),
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  if (options.includes("shifted")) space.registerNamespace("urn:genba:another");
  const state = { server, space, namespace: space.registerNamespace("urn:genba:peer"), variables: {} };
  Object.keys(TYPES).forEach((name) => addVariable(state, name));
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
