// zigbee-herdsman as an independent judge: it forms a network on a coordinator (the simulated one), lets tags join, interviews
// them, and starts again on what it left. usage: node herdsman.mjs tcp://127.0.0.1:PORT TAGS STATE-FOLDER
import path from 'node:path';
import {Controller} from 'zigbee-herdsman';

const [port, wanted, folder] = [process.argv[2], Number(process.argv[3]), process.argv[4]];

function controller() {
    return new Controller({
        network: {
            panID: 0x1a62,
            extendedPanID: [0xdd, 0x11, 0x22, 0xdd, 0xdd, 0xdd, 0xdd, 0xdd],
            networkKey: [1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 13],
            channelList: [25],
        },
        serialPort: {path: port, adapter: 'zstack'},
        databasePath: path.join(folder, 'database.db'),
        databaseBackupPath: path.join(folder, 'database.backup'),
        backupPath: path.join(folder, 'coordinator.json'),
        adapter: {disableLED: false},
        acceptJoiningDeviceHandler: async () => true,
    });
}

function deadline(seconds, what) {
    return new Promise((_, reject) => {
        setTimeout(() => reject(new Error(`${what}: not within ${seconds} s`)), seconds * 1000).unref();
    });
}

const first = controller();
const interviewed = new Map();
let done;
const all = new Promise((resolve) => (done = resolve));
first.on('deviceInterview', ({status, device}) => {
    if (status === 'failed') console.log(`interview of ${device.ieeeAddr} failed`);
    if (status === 'successful') interviewed.set(device.ieeeAddr, device);
    if (interviewed.size === wanted) done();
});
console.log('first start:', await Promise.race([first.start(), deadline(60, 'first start')]));
await first.permitJoin(120);
await Promise.race([all, deadline(120, `${wanted} interviews (${interviewed.size} so far)`)]);
for (const device of interviewed.values()) {
    if (!device.modelID || !device.manufacturerName) throw new Error(`${device.ieeeAddr} has no model or manufacturer`);
    console.log('interviewed', device.ieeeAddr, device.manufacturerName, device.modelID, device.powerSource);
}
await first.stop();

const second = controller();
console.log('second start:', await Promise.race([second.start(), deadline(30, 'second start')]));
const known = second.getDevices().filter((device) => device.type !== 'Coordinator').length;
await second.stop();
if (known !== wanted) throw new Error(`${known} devices after the second start, not ${wanted}`);
console.log(`zigbee-herdsman: ${interviewed.size} interviewed, network resumed`);
process.exit(0);
