/** The thread that absorbs a spool beside its recorder (absorb-in-thread.ts). */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { AbsorbLoop, type AbsorbEvents } from './absorb-loop.js';
import type { FromThread, ThreadData, ToThread } from './absorb-in-thread.js';
import { openForRecording } from './open-for-recording.js';

/** The command and its recorder go first. */
const NICENESS = 5;
/** Whoever prints faster than pages are made is not slowed down for it; the rest is made after the command. */
const FLOOD_NICENESS = 10;
const FLOOD_BYTES = 8 * 1024 * 1024;

const { dataDir, executionId, runningMs } = workerData as ThreadData;
const port = parentPort;
if (!port) throw new Error('this is not a thread');
const post = (message: FromThread): void => port.postMessage(message);

yieldToOthers(NICENESS);
const warn = (sentence: string): void => post({ warn: sentence });
const events: AbsorbEvents = {
  warn,
  stored: (backlogBytes) => {
    if (backlogBytes > FLOOD_BYTES) yieldToOthers(FLOOD_NICENESS);
    post({ backlogBytes });
  },
  trouble: (code, isBusy) => post({ trouble: { code, isBusy } }),
  over: (outcome) => post({ over: outcome }),
};
const loop = new AbsorbLoop(() => openForRecording(dataDir, warn), executionId, events, runningMs);
loop.more();
port.on('message', (message: ToThread) => {
  if (message === 'more') loop.more();
  else void loop.stop().then((outcome) => post({ stopped: outcome }));
});

/** Linux has a priority for each thread. */
function yieldToOthers(niceness: number): void {
  try {
    const tid = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (tid !== process.pid) setPriority(tid, niceness);
  } catch {
    // it then has the priority of the command
  }
}
