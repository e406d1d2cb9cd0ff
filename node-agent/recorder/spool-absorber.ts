/** Takes a spool's output into the store: makes lines and pages of it, and stores them together with the position. */
import { encodeAround, encodeLine, type OutputType } from '../../protocol/page.js';
import { NodeAgentError } from '../errors.js';
import { addExecution, endExecution, findExecution, markDropped, startEpoch } from '../store/executions.js';
import { LogWriter } from '../store/log-writer.js';
import { damageLine, lossLine } from '../store/loss-line.js';
import type { Store } from '../store/open.js';
import type { ExecutionEnd } from '../store/recorded.js';
import { forgetSpool, putSpoolState, spoolState, type SpoolState } from '../store/spools.js';
import { jsonContents } from './line-contents.js';
import { lineHooks, type LineHooks } from './line-hooks.js';
import { OutputLines, type LineRun } from './output-lines.js';
import { SeenLines } from './seen-lines.js';
import type { SpoolPosition } from './spool-files.js';
import type { Frame, LostOutput, SpoolEnd, SpoolHeader } from './spool-frames.js';
import { SpoolReader } from './spool-reader.js';

/** How much of the spool goes into one transaction: nobody can stop an absorber, or write to the store, in between. */
const STEP_BYTES = 512 * 1024;
/** How much waits in memory while the store cannot be written: then nothing more is read. */
const PENDING_BYTES = 8 * 1024 * 1024;
/** How long a line may stand unfinished until a reader sees it. */
export const PARTIAL_MS = 300;

const STREAMS = ['stdout', 'stderr'] as const;
type Stream = (typeof STREAMS)[number];

export interface Keys {
  key: number;
  attemptKey: number;
}

export class SpoolAbsorber {
  readonly #store: Store;
  readonly #executionId: string;
  readonly #reader: SpoolReader;
  /** Where an absorber before this one has come to. */
  readonly #rest: SpoolState | undefined;
  #lines: Record<Stream, OutputLines>;
  #writer: LogWriter;
  #keys: Keys | undefined;
  #header: SpoolHeader | undefined;
  #hooks: LineHooks = {};
  #seen = new SeenLines(undefined);
  #end: ExecutionEnd | undefined;
  #hasLoss = false;
  #startsEpoch = false;
  #hasChange = false;
  #lastTime = 0;
  #taken = 0;
  #isOver = false;

  /**
   * @param isAnotherStore whether lines of the execution have been in another store, which the hive may have
   * @throws NodeAgentError `sealed` if the execution has ended in the store
   */
  constructor(store: Store, executionId: string, isAnotherStore = false) {
    const row = findExecution(store, executionId);
    if (row && row.status !== 'running') throw new NodeAgentError('sealed', 'the execution has ended in the store');
    const state = row && spoolState(store, row.key);
    this.#store = store;
    this.#executionId = executionId;
    this.#reader = new SpoolReader(store.dataDir, executionId, state);
    this.#keys = row && { key: row.key, attemptKey: row.attempt_key };
    this.#writer = row ? LogWriter.resume(store, row.key, row.log_lines) : LogWriter.atStart();
    this.#rest = state;
    this.#lines = this.#linesFromRest(false);
    this.#useHeader(state && new SpoolReader(store.dataDir, executionId, { ...state, offset: 0 }));
    const isMissing = this.#reader.skipMissing();
    this.#startsEpoch = isMissing || (isAnotherStore && !row);
    if (isMissing) this.#addDamage('the store went back to an earlier state');
  }

  /** Of the next frame; what is before it is in the store once nothing is pending. */
  get position(): SpoolPosition {
    return this.#reader.position;
  }

  get keys(): Keys | undefined {
    return this.#keys;
  }

  /** The execution has ended in the store. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** What has been read since this absorber began, in bytes. */
  get taken(): number {
    return this.#taken;
  }

  /** What has not been read, in bytes. */
  backlog(): number {
    return this.#reader.backlog();
  }

  /**
   * Stores a part of what is in the spool.
   * @param isLive whether more is to come: a line that stands unfinished is then shown to readers
   * @returns whether there may be more to read at once
   * @throws Error if the store cannot be written: the next step tries it again, with what has been read
   */
  step(isLive = true): boolean {
    const hasMore = this.#read();
    if (!hasMore && isLive) this.#addPartials(performance.now() - PARTIAL_MS);
    this.#commit();
    return hasMore && !this.#isOver;
  }

  /** In how many ms a line that stands unfinished has to be stored; undefined if none does. */
  partialDueIn(): number | undefined {
    const since = STREAMS.flatMap((stream) => this.#lines[stream].unfinishedSince ?? []);
    return since.length === 0 ? undefined : Math.max(0, Math.min(...since) + PARTIAL_MS - performance.now());
  }

  /** Stores what is left of a spool whose recorder is gone, as far as it can be read. */
  finishTorn(): void {
    if (!this.#keys && !this.#header) return; // nothing says what was recorded
    const torn = this.#reader.torn();
    if (torn) this.#take(torn);
    if (this.#reader.isDamaged) this.#addDamage('the file that kept them is damaged');
    this.#endStreams();
    this.#commit();
  }

  close(): void {
    this.#reader.close();
  }

  /** @returns whether there may be more */
  #read(): boolean {
    const before = this.#taken;
    while (this.#taken - before < STEP_BYTES && !this.#end && this.#writer.pendingBytes < PENDING_BYTES) {
      const frame = this.#reader.next();
      if (!frame) return false;
      this.#taken += frame.content.length;
      this.#take(frame);
    }
    return !this.#end;
  }

  #take(frame: Frame): void {
    const { kind, time, content } = frame;
    this.#lastTime = time > 0 ? time : this.#lastTime;
    switch (kind) {
      case 'stdout':
      case 'stderr':
        for (const run of this.#lines[kind].push(content, readAt(time))) this.#addRun(kind, run);
        return;
      case 'system':
        this.#addLine('system', content.toString());
        return;
      case 'header':
        if (!this.#header) this.#setHeader(content);
        return;
      case 'lost':
        this.#parse(content, (lost) => this.#addLoss(lost as LostOutput));
        return;
      case 'masked':
        this.#hooks.masked?.(Number(content.toString()));
        this.#hasChange = true;
        return;
      case 'end':
        this.#parse(content, (end) => {
          this.#endStreams();
          this.#end = end as SpoolEnd;
          this.#hasChange = true;
          this.#writer.seal();
        });
    }
  }

  /** A power cut may have taken the content of a frame. @param take called with its JSON, if it is whole */
  #parse(content: Buffer, take: (value: unknown) => void): void {
    let value: unknown;
    try {
      value = JSON.parse(content.toString());
    } catch {
      this.#reader.setDamaged();
      return;
    }
    take(value);
  }

  /** A new absorber that goes on in the middle of a segment has not seen the header. */
  #useHeader(reader: SpoolReader | undefined): void {
    const frame = reader?.next();
    if (frame?.kind === 'header') this.#setHeader(frame.content);
    reader?.close();
  }

  #setHeader(content: Buffer): void {
    this.#parse(content, (header) => this.#useSpoolHeader(header as SpoolHeader));
  }

  #useSpoolHeader(header: SpoolHeader): void {
    this.#header = header;
    this.#hooks = lineHooks();
    this.#seen = new SeenLines(this.#hooks.seen);
    this.#lines = this.#linesFromRest(header.terminal === true);
    this.#lastTime ||= Date.parse(header.execution.startedAt);
    this.#hasChange ||= !this.#keys;
  }

  #linesFromRest(isTerminal: boolean): Record<Stream, OutputLines> {
    const linesOf = (stream: Stream): OutputLines => new OutputLines({ rest: this.#rest?.[stream], isTerminal });
    return { stdout: linesOf('stdout'), stderr: linesOf('stderr') };
  }

  #addPartials(before: number): void {
    for (const stream of STREAMS) {
      const since = this.#lines[stream].unfinishedSince;
      if (since !== undefined && since <= before) {
        for (const run of this.#lines[stream].partial()) this.#addRun(stream, run);
      }
    }
  }

  #endStreams(): void {
    for (const stream of STREAMS) for (const run of this.#lines[stream].end()) this.#addRun(stream, run);
  }

  #addLoss({ lines, code }: LostOutput): void {
    this.#endStreams();
    this.#writer.add(lossLine(lines, code, this.#timestamp()));
    this.#hasLoss = true;
    this.#hasChange = true;
  }

  #addDamage(reason: string): void {
    this.#endStreams();
    this.#writer.add(damageLine(reason, this.#timestamp()));
    this.#hasLoss = true;
    this.#hasChange = true;
  }

  #addLine(type: OutputType, content: string): void {
    this.#writer.add(encodeLine({ output_type: type, content, timestamp: this.#timestamp() }));
    this.#hasChange = true;
  }

  #addRun(stream: Stream, run: LineRun): void {
    if (stream === 'stdout') this.#seen.push(run);
    const contents = jsonContents(run.text);
    const around = { output_type: stream, timestamp: this.#timestamp() };
    const last = run.isPartial ? contents.pop() : undefined;
    if (contents.length > 0) this.#writer.addRun(...withContents(encodeAround(around), contents));
    if (last !== undefined) this.#writer.addRun(...withContents(encodeAround({ ...around, partial: true }), [last]));
    this.#hasChange = true;
  }

  #timestamp(): string {
    return new Date(this.#lastTime).toISOString();
  }

  #commit(): void {
    if (!this.#hasChange) return;
    const keys = this.#store.write(() => this.#write());
    this.#keys = keys;
    this.#writer.committed();
    this.#hasChange = false;
    this.#hasLoss = false;
    this.#startsEpoch = false;
    this.#isOver = this.#end !== undefined;
    this.#reader.forgetBefore(this.#reader.position);
  }

  #write(): Keys {
    const store = this.#store;
    const keys = this.#keys ?? this.#add();
    this.#writer.write(store, keys.key);
    if (this.#startsEpoch) startEpoch(store, keys.key);
    if (this.#hasLoss) markDropped(store, keys.key, keys.attemptKey);
    this.#hooks.stored?.(store, keys, this.#end !== undefined);
    if (this.#end) {
      forgetSpool(store, keys.key);
      endExecution(store, keys.key, keys.attemptKey, this.#end);
    } else {
      const [stdout, stderr] = [this.#lines.stdout.rest, this.#lines.stderr.rest];
      putSpoolState(store, keys.key, { ...this.#reader.position, stdout, stderr });
    }
    return keys;
  }

  #add(): Keys {
    if (!this.#header) throw new NodeAgentError('store', `the spool of execution ${this.#executionId} has no header`);
    const { attempt, execution } = this.#header;
    return addExecution(this.#store, attempt, { ...execution, recorder: { ...execution.recorder, locks: true } });
  }
}

/** @returns a time of the spool's as performance.now() counts it, which is for waiting only: the clock may have jumped */
function readAt(time: number): number {
  return performance.now() - Math.max(0, new Date().getTime() - time);
}

function withContents([before, after]: [string, string], contents: string[]): [string, string[], string] {
  return [before, contents, after];
}
