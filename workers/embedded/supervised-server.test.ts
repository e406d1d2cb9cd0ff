/** A server that loses a port at its start. A script plays its part, because Temporal picks its ports by chance. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import getPort from 'get-port';
import { createLogger } from '../logger.js';
import { takeDataDir, type DataDir } from './data-dir.js';
import { choosePorts, startOnPorts, type Ports } from './ports.js';
import { supervise, type ServerSpec } from './supervised-server.js';

const logger = createLogger({ logLevel: 'silent', instanceId: 'test' });
let folder: string;
let dataDir: DataDir;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hivesync-supervised-'));
  dataDir = await takeDataDir(folder, logger);
});

afterEach(() => {
  dataDir.release();
  rmSync(folder, { recursive: true, force: true });
});

/** A server that adds its port to the file `starts` at each start. The first `times` starts fail with `why`. */
function serverThatFails(port: number, times: number, why: string): ServerSpec {
  const starts = JSON.stringify(join(folder, 'starts'));
  const script = `
    const fs = require('node:fs');
    fs.appendFileSync(${starts}, '${port}\\n');
    if (fs.readFileSync(${starts}, 'utf8').split('\\n').length - 1 <= ${times}) {
      console.error(${JSON.stringify(why)});
      process.exit(1);
    }
    require('node:net').createServer().listen(${port}, '127.0.0.1');
    process.on('SIGINT', () => process.exit(0));
    process.on('SIGTERM', () => process.exit(0));`;
  return {
    kind: 'temporal',
    executable: process.execPath,
    args: ['-e', script],
    env: process.env,
    logPath: join(folder, 'server.log'),
    port,
    readyTimeoutMs: 60_000,
    waitUntilReady: async (signal) => {
      while (!(await accepts(port))) await sleep(20, undefined, { signal });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Starts it as the hive does. */
async function start(times: number, why: string, wanted: Ports = {}) {
  const names = ['temporal', 'temporalUi'] as const;
  const chosen = await choosePorts(folder, names, wanted);
  const server = await startOnPorts(
    folder,
    names,
    wanted,
    chosen,
    ({ temporal }) => supervise(serverThatFails(temporal, times, why), dataDir, logger),
    logger,
  );
  return { server, port: chosen.temporal ?? 0 };
}

/** @returns the ports of its starts */
const starts = () => readFileSync(join(folder, 'starts'), 'utf8').trim().split('\n').map(Number);
/** The output of Temporal 1.29: it goes on without the port and then crashes because of that. */
const PORT_TAKEN = [
  'time=2026-11-25T23:50:56.448 level=ERROR msg="Failed to start gRPC listener" error="listen tcp 127.0.0.1:40017: bind: address already in use" service=frontend',
  'panic: runtime error: invalid memory address or nil pointer dereference',
  '[signal SIGSEGV: segmentation violation code=0x1 addr=0x20 pc=0x25f2689]',
  '',
  'goroutine 1 [running]:',
  ...Array.from({ length: 40 }, () => [
    'go.uber.org/dig.paramSingle.Build({{0x0, 0x0}, 0x0, {0xa86e8b0, 0x30605a0}}, {0xa85be70, 0x111da1eb00})',
    '\t/root/go/pkg/mod/go.uber.org/dig@v1.18.1/param.go:288 +0x3ae',
  ]).flat(),
].join('\n');

test('a server that loses a port is started on another one each time, and again on that the next time', async () => {
  const { server, port } = await start(2, PORT_TAKEN);
  expect(new Set(starts()).size).toBe(3);
  expect(starts().at(-1)).toBe(port);
  expect(await accepts(port)).toBe(true);
  await server.stop();
  expect(await accepts(port)).toBe(false);
  expect((await choosePorts(folder, ['temporal'], {})).temporal).toBe(port);
});

test('a port that is asked for is kept', async () => {
  const port = await getPort({ host: '127.0.0.1' });
  const { server } = await start(2, PORT_TAKEN, { temporal: port });
  expect(starts()).toEqual([port, port, port]);
  await server.stop();
});

test('it is given up after three starts', async () => {
  await expect(start(9, PORT_TAKEN)).rejects.toThrow('address already in use');
  expect(starts().length).toBe(3);
});

test('it is not started again if it ends for another reason', async () => {
  await expect(start(9, 'no such schema')).rejects.toThrow('no such schema');
  expect(starts().length).toBe(1);
});

test('PostgreSQL tells a lost port in its own words', async () => {
  const said = 'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use';
  await expect(start(9, said)).rejects.toMatchObject({ code: 'port_lost' });
  expect(starts().length).toBe(3);
});
