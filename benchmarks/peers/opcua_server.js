// OPC UA server for measurements, on node-opcua: many UInt16 variables that change at instants known from their values.
//
// Usage: NODE_PATH=<node_modules> node opcua_server.js FOLDER COUNT PERIOD_MS
//   FOLDER   where it keeps its certificates
// Variables ns=2;i=1000, 1001, … below Objects/Machine. Variable i at wall time t (ms) holds
// ((t + 37 * i) / PERIOD_MS) & 0xffff; the server looks every 50 ms which of them have changed.
// Prints "endpoint URL" when it listens. Ends when standard input ends.
const net = require("node:net");
const path = require("node:path");
const {
  DataType, MessageSecurityMode, OPCUACertificateManager, OPCUAServer, SecurityPolicy, Variant,
} = require("node-opcua");

const LOOK_MS = 50;

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

async function main() {
  const [folder, count, period] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
  const many = { maxNodesPerRead: 20000, maxMonitoredItemsPerCall: 20000, maxNodesPerBrowse: 20000 };
  const server = new OPCUAServer({
    port: await freePort(),
    hostname: "127.0.0.1",
    securityPolicies: [SecurityPolicy.None],
    securityModes: [MessageSecurityMode.None],
    serverCapabilities: { operationLimits: many, maxMonitoredItemsPerSubscription: 100000, maxMonitoredItems: 100000 },
    serverCertificateManager: new OPCUACertificateManager({ rootFolder: path.join(folder, "pki") }),
    userCertificateManager: new OPCUACertificateManager({ rootFolder: path.join(folder, "users") }),
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  let namespace = space.registerNamespace("urn:genba:bench");
  while (namespace.index < 2) namespace = space.registerNamespace(`urn:genba:bench:${namespace.index}`);
  const machine = namespace.addObject({ organizedBy: space.rootFolder.objects, browseName: "Machine", nodeId: "s=Machine" });
  const valueOf = (i) => Math.floor((Date.now() + 37 * i) / period) & 0xffff;
  const variantOf = (value) => new Variant({ dataType: DataType.UInt16, value });
  const last = Array.from({ length: count }, (_, i) => valueOf(i));
  const variables = last.map((value, i) => namespace.addVariable({
    componentOf: machine, browseName: `T${i}`, nodeId: `i=${1000 + i}`, dataType: DataType.UInt16, value: variantOf(value),
  }));
  setInterval(() => {
    for (let i = 0; i < count; i++) {
      const value = valueOf(i);
      if (value === last[i]) continue;
      last[i] = value;
      variables[i].setValueFromSource(variantOf(value));
    }
  }, LOOK_MS);
  await server.start();
  say(`endpoint opc.tcp://127.0.0.1:${server.endpoints[0].port}`);
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
}

main();
