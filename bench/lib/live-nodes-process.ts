/**
 * Many recording nodes in one process, because a process for each would not fit on the machine. Each has the node
 * agent's own store and connection. Lines are committed every 100 ms, as the recorder does. The stores are in memory if
 * the system has such a file system; otherwise the benchmark would measure their common disk.
 */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { stayConnected } from '../../node-agent/connection/stay-connected.js';
import { addExecution } from '../../node-agent/store/executions.js';
import { appendLines } from '../../node-agent/store/append-lines.js';
import { openStore, type Store } from '../../node-agent/store/open.js';
import { processStart } from '../../node-agent/store/process-identity.js';
import { PAGE_TARGET_LINES } from '../../protocol/limits.js';
import { encodeLine } from '../../protocol/page.js';
import { serveOrders } from '../../tests/harness/helper-process.js';
import { newAttempt, newExecution } from './recorded-store.js';
import { sampleText } from '../../tests/harness/sample-lines.js';

export interface LiveNodes {
  url: string;
  keys: string[];
  /** Lines per second of each node. */
  linesPerSecond: number;
}

interface Recording {
  store: Store;
  key: number;
  lines: number;
  /** When its last line was printed, in ms since the epoch. */
  printedAt: number;
}

const COMMIT_MS = 100;
const MEMORY_DISK = '/dev/shm';

const directory = mkdtempSync(join(existsSync(MEMORY_DISK) ? MEMORY_DISK : tmpdir(), 'hivesync-bench-'));
const stopping = new AbortController();
setMaxListeners(0, stopping.signal);
const logger = pino({ level: 'error' }, pino.destination(2));
const recordings: Recording[] = [];
const connections: Promise<void>[] = [];
const timers: NodeJS.Timeout[] = [];
let msPerLine = 0;

serveOrders(
  {
    start({ url, keys, linesPerSecond }: LiveNodes): Promise<string[]> {
      msPerLine = 1000 / linesPerSecond;
      return Promise.resolve(keys.map((apiKey, index) => startNode(url, apiKey, index)));
    },

    /**
     * Spreads the starts over the time that a page takes to fill. Otherwise all nodes would seal their pages at once.
     */
    print(): Promise<void> {
      for (const [index, recording] of recordings.entries()) {
        const delay = (PAGE_TARGET_LINES * msPerLine * index) / recordings.length;
        timers.push(setTimeout(() => startPrinting(recording), delay));
      }
      return Promise.resolve();
    },

    stop(): Promise<void> {
      for (const timer of timers) clearTimeout(timer);
      return Promise.resolve();
    },

    printed: () => Promise.resolve(recordings.reduce((sum, { lines }) => sum + lines, 0)),
  },
  async () => {
    stopping.abort();
    await Promise.allSettled(connections);
    rmSync(directory, { recursive: true, force: true });
  },
);

function startNode(url: string, apiKey: string, index: number): string {
  const dataDir = join(directory, String(index));
  const store = openStore(dataDir);
  const id = randomUUID();
  const recorder = { pid: process.pid, started: processStart(process.pid) ?? '' };
  const attempt = newAttempt(id, Date.now());
  const { key } = store.write(() => addExecution(store, attempt, newExecution(randomUUID(), Date.now(), recorder)));
  recordings.push({ store, key, lines: 0, printedAt: 0 });
  // a handle of the connection's own: it only notices commits of other handles
  const options = {
    url: `${url}/v1/nodes/ws`,
    apiKey,
    name: `live-${index}`,
    store: openStore(dataDir),
    logger,
    signal: stopping.signal,
  };
  connections.push(stayConnected(options));
  return id;
}

function startPrinting(recording: Recording): void {
  recording.printedAt = Date.now();
  timers.push(setInterval(() => commit(recording), COMMIT_MS));
}

/** Commits what was printed since the last time. Each line begins with the time when it was printed. */
function commit(recording: Recording): void {
  const lines: string[] = [];
  const now = Date.now();
  while (recording.printedAt + msPerLine <= now) {
    recording.printedAt += msPerLine;
    const content = `${Math.round(recording.printedAt)} ${sampleText(recording.lines + lines.length)}`;
    lines.push(encodeLine({ output_type: 'stdout', content, timestamp: new Date(recording.printedAt).toISOString() }));
  }
  recording.lines = recording.store.write(() => appendLines(recording.store, recording.key, recording.lines, lines));
}
