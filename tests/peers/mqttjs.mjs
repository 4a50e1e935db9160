// MQTT.js against the broker: node mqttjs.mjs ROWS.json, an array of {name, options} with options as MQTT.js takes them, plus
// `url`. Prints a line a row; ends with the number of rows that failed.
import { readFileSync } from 'node:fs'
import mqtt from 'mqtt'

const PATIENCE = 15_000

async function roundTrip({ url, ...options }) {
    const client = await mqtt.connectAsync(url, { ...options, reconnectPeriod: 0, connectTimeout: PATIENCE })
    const own = options.clientId
    const wanted = [0, 1, 2].map((qos) => `esl_report/${qos}/js ${qos} ${'x'.repeat(3000)}${qos}`)
    wanted.push(`esl_task/p2p/${own} 1 to myself`)
    const got = []
    const all = new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`only ${got.length} of ${wanted.length} messages`)), PATIENCE)
        client.on('error', reject)
        client.on('close', () => reject(new Error('closed by the broker')))
        client.on('message', (topic, payload, packet) => {
            got.push(`${topic} ${packet.qos} ${payload}`)
            if (got.length < wanted.length) return
            clearTimeout(timer)
            resolve()
        })
    })
    all.catch(() => {})
    const granted = await client.subscribeAsync('esl_report/+/js', { qos: 2 })
    if (granted[0].qos !== 2) throw new Error(`granted ${granted[0].qos}`)
    for (const qos of [0, 1, 2]) await client.publishAsync(`esl_report/${qos}/js`, 'x'.repeat(3000) + qos, { qos })
    await client.publishAsync(`esl_task/p2p/${own}`, 'to myself', { qos: 1 })
    await all
    const missing = wanted.filter((message) => !got.includes(message))
    if (missing.length) throw new Error(`not received: ${missing.map((m) => m.slice(0, 40))}`)
    client.removeAllListeners('close')
    await client.endAsync()
}

let failed = 0
for (const { name, options } of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
    try {
        for (const file of ['ca', 'cert', 'key']) if (options[file]) options[file] = readFileSync(options[file])
        await roundTrip(options)
        console.log(`ok     ${name}`)
    } catch (error) {
        console.log(`FAILED ${name}: ${error.message || error}`)
        ++failed
    }
}
process.exit(failed)
