import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { Aedes } from 'aedes';

// The broker of the edge bench, as a process of its own: takes everything, keeps nothing. Tells of the first
// message, and how many there were when it is asked.
const aedes = await Aedes.createBroker();
let messages = 0;
aedes.on('publish', (_, client) => {
  if (client === null) return;
  if (messages++ === 0) process.send?.({ first: true });
});
process.on('message', () => process.send?.({ messages }));
const server = createServer(aedes.handle);
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  process.send?.({ url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.on('disconnect', () => process.exit(0));
