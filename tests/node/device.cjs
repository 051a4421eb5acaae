// A device with MQTT.js: on each road it connects, publishes its messages one after the other, each once the one before
// was acknowledged, and tells what was replied. What it shall do comes on standard input; what it was told goes out.

const mqtt = require("mqtt");

const WAIT_MS_MAX = 20000;

async function send({ url, version, clientId, messages }, token) {
  const isFive = version === 5;
  const client = await mqtt.connectAsync(url, {
    clientId, username: "whoever", password: token, protocolVersion: version, connectTimeout: WAIT_MS_MAX,
    reconnectPeriod: 0,
  });
  const told = [];
  const all = new Promise((resolve) => {
    client.on("message", (_topic, payload, packet) => {
      const body = JSON.parse(payload.toString());
      const { correlationData, userProperties } = packet.properties ?? {};
      told.push(isFive
        ? { name: correlationData.toString(), status: Number(userProperties.status), answer: body }
        : { name: body.id, status: body.status, answer: body.answer });
      if (told.length === messages.length) resolve();
    });
  });
  const replies = `replies/${clientId}`;
  await client.subscribeAsync(replies);
  for (const { name, topic, qos, body } of messages) {
    const properties = isFive ? { responseTopic: replies, correlationData: Buffer.from(name) } : undefined;
    await client.publishAsync(topic, JSON.stringify(body), { qos, properties });
  }
  await all;
  await client.endAsync();
  return told;
}

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const wanted = JSON.parse(Buffer.concat(chunks).toString());
  const told = [];
  for (const road of wanted.roads) told.push(await send(road, wanted.token));
  console.log(JSON.stringify(told));
}

main();
