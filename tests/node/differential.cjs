// Reads and writes packets with mqtt-packet, all that standard input asks for at once:
//   {"parse": [[version, hex], ...], "generate": [[version, packet], ...]}
// and answers in the same order: {"parsed": [packet or {error}, ...], "generated": [hex or {error}, ...]}.
// Bytes stand in packets as {"hex": "..."}.
const { parser, generate } = require('mqtt-packet')

const revived = (_key, value) =>
  value !== null && typeof value === 'object' && typeof value.hex === 'string' ? Buffer.from(value.hex, 'hex') : value
const shown = (_key, value) =>
  value !== null && typeof value === 'object' && value.type === 'Buffer'
    ? { hex: Buffer.from(value.data).toString('hex') }
    : value

function parseOne ([version, hex]) {
  const found = []
  let failure = null
  const reading = parser({ protocolVersion: version })
  reading.on('packet', (packet) => found.push(packet))
  reading.on('error', (error) => { failure = error.message })
  const rest = reading.parse(Buffer.from(hex, 'hex'))
  if (failure !== null || rest !== 0 || found.length !== 1) {
    return { error: failure ?? `${found.length} packets, ${rest} bytes left` }
  }
  return found[0]
}

function generateOne ([version, packet]) {
  try {
    return generate(packet, { protocolVersion: version }).toString('hex')
  } catch (error) {
    return { error: error.message }
  }
}

const chunks = []
process.stdin.on('data', (chunk) => chunks.push(chunk))
process.stdin.on('end', () => {
  const asked = JSON.parse(Buffer.concat(chunks).toString(), revived)
  const answer = { parsed: asked.parse.map(parseOne), generated: asked.generate.map(generateOne) }
  process.stdout.write(JSON.stringify(answer, shown))
})
