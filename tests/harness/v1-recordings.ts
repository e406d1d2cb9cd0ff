/** Conversations of an original node, as the scripted node has them: what is in tests/fixtures/v1, and how it is made. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../workers/project-root.js';
import { endExecution, startExecution } from './scripted-v1-agent.js';
import { ScriptedV1Node, type Frame, type V1Entry } from './scripted-v1-node.js';
import { sqliteTime } from './scripted-v1-store.js';
import { V1RecordingHive } from './v1-recording-hive.js';

export interface RecordedFrame {
  /** Seconds since the recording began, by the node's clock. */
  at: number;
  from: 'node' | 'hive';
  frame: Frame;
  /** The connection was cut before the frame arrived. It is never sent again. */
  lost?: true;
}

const STARTED_AT = Date.parse('2026-02-01T10:00:00Z');
const API_KEY = 'd98030d7717f47821efee3dc0a08320e04e20e4b5790d48665632913a08a8595';

export function recordingPath(name: string): string {
  return join(projectRoot(), 'tests', 'fixtures', 'v1', `${name}.jsonl`);
}

export function readRecording(name: string): RecordedFrame[] {
  const lines = readFileSync(recordingPath(name), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as RecordedFrame);
}

/** A node with ids and times that are the same each time, and the hive that it talks to. */
class Stage {
  readonly frames: RecordedFrame[] = [];
  readonly node = new ScriptedV1Node(API_KEY);
  /** Seconds since the beginning. */
  time = 0;
  losesNext = false;
  #ids = 0;

  private constructor(
    readonly hive: V1RecordingHive,
    idPrefix: string,
  ) {
    const { node } = this;
    node.clock = () => new Date(STARTED_AT + this.time * 1000);
    node.store.newId = () => `${idPrefix}${(++this.#ids).toString(16).padStart(6, '0')}-0000-4000-8000-000000000000`;
    node.observe = (from, frame) => {
      const lost = from === 'node' && this.losesNext && frame.type !== 'heartbeat';
      this.frames.push({ at: this.time, from, frame: structuredClone(frame), ...(lost && { lost }) });
    };
    node.cutsBefore = ({ type }) => this.losesNext && type !== 'heartbeat';
  }

  static async open(idPrefix: string): Promise<Stage> {
    return new Stage(await V1RecordingHive.start(), idPrefix);
  }

  async connect(): Promise<void> {
    await this.node.connect(this.hive.url);
    await this.hive.answer();
  }

  /** The next frame is lost with its connection. */
  async loseNext(push: () => void): Promise<void> {
    this.losesNext = true;
    push();
    await this.hive.ignore();
    this.losesNext = false;
  }

  rows(...contents: string[]): V1Entry[] {
    return contents.map((content) => ({ output_type: 'stdout', content, timestamp: sqliteTime(this.node.clock()) }));
  }
}

/** @returns what was said, in order */
export const recordings: Record<string, () => Promise<RecordedFrame[]>> = {
  /** A node with a history meets a hive: its cycle, twice, and every kind of request. */
  'first-contact': () => record('01', meet),
  /** An execution begins, runs over a cut that loses lines, and ends without a word. */
  'run-over-a-cut': () => record('02', runOverACut),
  /** Executions that are announced when they have ended; the rows of one are written after that. */
  'rows-after-the-end': () => record('03', rowsAfterTheEnd),
};

async function record(idPrefix: string, play: (stage: Stage) => Promise<void>): Promise<RecordedFrame[]> {
  const stage = await Stage.open(idPrefix);
  try {
    await play(stage);
    stage.node.drop();
    return stage.frames;
  } finally {
    await stage.hive.stop();
  }
}

async function meet(stage: Stage): Promise<void> {
  const { node, hive } = stage;
  const { store } = node;
  const shared = node.addAttempt({ shared_task_id: '03000000-0000-4000-8000-000000000003' });
  const fresh = store.addAttemptOf(store.addTask({ title: 'New', created_at: '2026-02-01T10:05:00Z' }));
  const hidden = node.addAttempt({}, false);
  const rows: V1Entry[] = [
    { output_type: 'stdout', content: 'line 1\n\u001b[32mok\u001b[0m "q" \\ 🐎', timestamp: '2026-02-01T10:00:00Z' },
    { output_type: 'stderr', content: '', timestamp: '2026-02-01T10:20:00.123Z' },
    { output_type: 'system', content: '[{"op":"add"}] \0', timestamp: '2026-02-01T10:20:00.456Z' },
  ];
  node.addExecution(shared, rows, { pid: 4242 });
  node.addExecution(shared, [], { run_reason: 'setupscript', dropped: true, created_at: '2026-02-01T10:01:00Z' });
  node.addExecution(fresh, stage.rows('of a task that is new to the hive'));
  store.addOperation(fresh.task);
  stage.time = 1300;
  node.pushCycle(); // the cycle starts before the socket is open
  await stage.connect();
  for (let cycle = 0; cycle < 2; cycle++) {
    stage.time += 30;
    node.heartbeat();
    node.pushCycle();
    await hive.answer();
  }
  const [first, second] = [shared.frame.attempt_id, fresh.frame.attempt_id];
  await hive.ask('executions', []);
  await hive.ask('executions', [first, second]);
  await hive.ask('logs', [first], '2026-02-01T10:00:00Z');
  await hive.ask('full_attempt', [hidden.frame.attempt_id]);
  await hive.ask('full_attempt', ['99000000-0000-4000-8000-000000000099', second]);
  await hive.ask('full_attempt', [first]);
  await hive.ask('everything', [first]); // no answer at all
}

async function runOverACut(stage: Stage): Promise<void> {
  const { node, hive } = stage;
  const attempt = node.addAttempt({ created_at: '2026-02-01T10:00:00Z' });
  await stage.connect();
  const cycle = async () => {
    stage.time += 30;
    node.heartbeat();
    node.pushCycle();
    await hive.answer();
  };
  const execution = startExecution(node, attempt);
  const print = (from: number, to: number) => {
    for (let line = from; line <= to; line++) execution.rows.push(...stage.rows(`line ${line}`));
  };
  print(0, 9);
  await cycle();
  print(10, 19);
  await cycle();
  print(20, 29);
  await stage.loseNext(() => node.pushExecution(attempt, execution));
  stage.time += 5;
  await stage.connect();
  print(30, 39);
  await cycle();
  stage.time += 10;
  endExecution(node, execution);
  await cycle();
  await hive.ask('executions', [attempt.frame.attempt_id]);
  await hive.ask('full_attempt', [attempt.frame.attempt_id]);
}

async function rowsAfterTheEnd(stage: Stage): Promise<void> {
  const { node, hive } = stage;
  const { store } = node;
  await stage.connect();
  const attempt = store.addAttemptOf(store.addTask({ created_at: sqliteTime(node.clock()) }));
  const setUp = startExecution(node, attempt);
  Object.assign(setUp.frame, { run_reason: 'setupscript' });
  endExecution(node, setUp);
  stage.time += 1;
  const execution = startExecution(node, attempt);
  const cycle = async () => {
    stage.time += 15;
    node.heartbeat();
    node.pushCycle();
    await hive.answer();
  };
  await cycle();
  endExecution(node, execution, 3);
  await cycle();
  await hive.ask('executions', [attempt.frame.attempt_id]);
  await hive.ask('full_attempt', [attempt.frame.attempt_id]); // no rows yet
  execution.rows.push(...stage.rows('first', 'second', 'second'));
  await hive.ask('full_attempt', [attempt.frame.attempt_id]); // a beginning
  execution.rows.push(...stage.rows('last'));
  await cycle();
  attempt.frame['worktree_deleted'] = true;
  execution.rows.push({ ...stage.rows('[System] Worktree deleted: /tmp/first')[0], output_type: 'system' } as V1Entry);
  await cycle();
  await hive.ask('full_attempt', [attempt.frame.attempt_id]);
}
