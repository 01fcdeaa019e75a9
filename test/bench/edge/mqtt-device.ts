import { connectAsync } from 'mqtt';

// Publishes so many messages to a topic, in a process of its own: `url topic count perS`; perS 0 = as fast as
// they are acknowledged. Tells when all are.
const [url = '', topic = '', count = '0', perS = '0'] = process.argv.slice(2);
const client = await connectAsync(url, { writeCache: false });
const MOST_UNDER_WAY = 1000;
let acknowledged = 0;
process.send?.({ begun: true });
const startedMs = performance.now();
const pause = () => new Promise((resolve) => setTimeout(resolve, 1));
for (let i = 0; i < Number(count); i++) {
  while (
    i - acknowledged >= MOST_UNDER_WAY ||
    (Number(perS) > 0 && performance.now() - startedMs < (i * 1000) / Number(perS))
  ) {
    await pause();
  }
  // Each with an instant of its own.
  const timeNs = BigInt(Date.now()) * 1_000_000n + BigInt(i % 1_000_000);
  client.publish(topic, `{"v":${i},"t":${timeNs}}`, { qos: 1 }, () => {
    acknowledged++;
  });
}
while (acknowledged < Number(count)) await pause();
process.send?.({ done: (performance.now() - startedMs) / 1000 });
await client.endAsync();
process.disconnect?.();
