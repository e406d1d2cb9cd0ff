/** Frames that no node should send, each with the answer that docs/protocol.md promises. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { encodeLogPageFrame } from '../../protocol/binary-frame.js';
import { nodeFrame } from '../../protocol/frames.js';
import { MAX_BINARY_FRAME_BYTES, MAX_PAGE_RAW_BYTES, MAX_TEXT_FRAME_BYTES } from '../../protocol/limits.js';
import { encodeLine } from '../../protocol/page.js';
import { decodeTextFrame, FrameError } from '../../protocol/text-frame.js';
import { anyNodeFrame, anyText } from './arbitraries.js';

/** The attempts and executions that the frames can refer to. */
export interface Ids {
  ownAttempt: string;
  ownExecution: string;
  foreignAttempt: string;
  foreignExecution: string;
}

export interface BadFrame {
  kind: string;
  /** A string is sent as a text frame, bytes as a binary frame. */
  payload: string | Buffer;
  /** `closed` means that the socket ends at once, without counting faults. */
  answer: 'error' | 'log_refused' | 'sync_refused' | 'closed';
}

type Draw = (ids: Ids) => fc.Arbitrary<Omit<BadFrame, 'kind'>>;

const KINDS: Record<string, { weight: number; draw: Draw }> = {
  'text that is not JSON': {
    weight: 10,
    draw: () => answeredByError(fc.oneof(fc.string(), anyText).filter(isNoFrame)),
  },
  'JSON that is not a frame': { weight: 10, draw: () => answeredByError(fc.json().filter(isNoFrame)) },
  'JSON cut short': {
    weight: 10,
    draw: () =>
      answeredByError(
        fc.tuple(anyNodeFrame, fc.nat()).map(([frame, cut]) => {
          const text = JSON.stringify(frame);
          return text.slice(0, cut % text.length);
        }),
      ),
  },
  'unknown type': {
    weight: 10,
    draw: () =>
      answeredByError(
        fc.tuple(anyNodeFrame, fc.string()).map(([{ data }, type]) => JSON.stringify({ type: `${type}x`, data })),
      ),
  },
  'wrong type of a field': { weight: 15, draw: () => answeredByError(wrongField) },
  'a frame of the other side': {
    weight: 5,
    draw: () =>
      answeredByError(
        fc
          .constantFrom('auth', 'auth_result', 'sync_ack', 'read_logs', 'grant')
          .map((type) => JSON.stringify({ type, data: {} })),
      ),
  },
  'text too large': {
    weight: 1,
    draw: () =>
      answeredByError(fc.integer({ min: 1, max: 1000 }).map((more) => `"${'x'.repeat(MAX_TEXT_FRAME_BYTES + more)}"`)),
  },
  'deep nesting': { weight: 3, draw: () => answeredByError(fc.integer({ min: 501, max: 20_000 }).map(deepExecution)) },
  'an answer that nobody asked for': {
    weight: 10,
    draw: () =>
      answeredByError(anyNodeFrame.filter(({ type }) => ANSWERS.has(type)).map((frame) => JSON.stringify(frame))),
  },
  'a page that nobody asked for': {
    weight: 5,
    draw: ({ ownExecution }) =>
      answeredByError(fc.uuid().map((request_id) => pageFrame({ execution_id: ownExecution, request_id }))),
  },
  "another node's attempt": {
    weight: 5,
    draw: ({ foreignAttempt }) =>
      answered(
        'sync_refused',
        anyNodeFrame
          .filter(({ type }) => type === 'attempt_sync')
          .map(({ type, data }) =>
            JSON.stringify({ type, data: { ...data, attempt_id: foreignAttempt, revision: 999_999_999 } }),
          ),
      ),
  },
  "an execution in another node's attempt": {
    weight: 5,
    draw: ({ foreignAttempt }) =>
      answered(
        'sync_refused',
        anyNodeFrame
          .filter(({ type }) => type === 'execution_sync')
          .map(({ type, data }) => JSON.stringify({ type, data: { ...data, attempt_id: foreignAttempt } })),
      ),
  },
  "a page of another node's execution": {
    weight: 5,
    draw: ({ foreignExecution }) => answered('log_refused', fc.constant(pageFrame({ execution_id: foreignExecution }))),
  },
  'a page of no execution': {
    weight: 5,
    draw: () =>
      answered(
        'log_refused',
        fc.uuid().map((execution_id) => pageFrame({ execution_id })),
      ),
  },
  'a page that leaves a gap': {
    weight: 5,
    draw: ({ ownExecution }) =>
      answered(
        'log_refused',
        fc
          .integer({ min: 2, max: 1_000_000 })
          .map((first) => pageFrame({ execution_id: ownExecution, first_seq: first, last_seq: first })),
      ),
  },
  'a page of another epoch': {
    weight: 5,
    draw: ({ ownExecution }) =>
      answered(
        'log_refused',
        fc.integer({ min: 2, max: 1_000_000 }).map((log_epoch) => pageFrame({ execution_id: ownExecution, log_epoch })),
      ),
  },
  'a page that lies about its count': {
    weight: 10,
    draw: ({ ownExecution }) =>
      answeredByError(
        fc
          .integer({ min: 2, max: 2_000_000_000 })
          .map((last_seq) => pageFrame({ execution_id: ownExecution, last_seq })),
      ),
  },
  'a page that ends before it begins': {
    weight: 3,
    draw: ({ ownExecution }) =>
      answeredByError(fc.constant(pageFrame({ execution_id: ownExecution, first_seq: 9, last_seq: 3 }))),
  },
  'gzip bomb': {
    weight: 1,
    draw: ({ ownExecution }) => answeredByError(fc.constant(pageFrame({ execution_id: ownExecution }, BOMB))),
  },
  'truncated gzip': {
    weight: 10,
    draw: ({ ownExecution }) =>
      answeredByError(
        fc.nat(ONE_LINE.length - 1).map((cut) => pageFrame({ execution_id: ownExecution }, ONE_LINE.subarray(0, cut))),
      ),
  },
  'gzip of something else': {
    weight: 8,
    draw: ({ ownExecution }) =>
      answeredByError(
        fc
          .oneof(anyText, fc.json())
          .filter((text) => !text.includes('output_type'))
          .map((text) => pageFrame({ execution_id: ownExecution }, gzipSync(text))),
      ),
  },
  'bytes after the gzip': {
    weight: 4,
    draw: ({ ownExecution }) =>
      answeredByError(
        fc
          .uint8Array({ minLength: 1, maxLength: 50 })
          .map((junk) => pageFrame({ execution_id: ownExecution }, Buffer.concat([ONE_LINE, junk]))),
      ),
  },
  'binary junk': {
    weight: 15,
    draw: () => answeredByError(fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))),
  },
  'binary that announces a huge header': {
    weight: 3,
    draw: () =>
      answeredByError(
        fc.integer({ min: 5000, max: 0xffff_ffff }).map((length) => {
          const frame = Buffer.alloc(64);
          frame.writeUInt32BE(length);
          return frame;
        }),
      ),
  },
  'larger than any frame': {
    weight: 0.3,
    draw: () => answered('closed', fc.constant(Buffer.alloc(MAX_BINARY_FRAME_BYTES + 1024 * 1024))),
  },
};

const ANSWERS = new Set(['attempt_described', 'logs_end', 'request_failed']);
const ONE_LINE = gzipSync(encodeLine({ output_type: 'stdout', content: 'fuzz', timestamp: '2026-02-01T10:00:00Z' }));
/** 64 MiB of zeros: eight times what a page may contain. */
const BOMB = gzipSync(Buffer.alloc(8 * MAX_PAGE_RAW_BYTES));

/** @returns bad frames in the proportions of {@link KINDS}; the same seed draws the same frames */
export function drawBadFrames(ids: Ids, count: number, seed: number): BadFrame[] {
  const arbitrary = fc.oneof(
    ...Object.entries(KINDS).map(([kind, { weight, draw }]) => ({
      weight: Math.round(weight * 10),
      arbitrary: draw(ids).map((frame): BadFrame => ({ kind, ...frame })),
    })),
  );
  return fc.sample(arbitrary, { numRuns: count, seed });
}

function answered(
  answer: BadFrame['answer'],
  payload: fc.Arbitrary<string | Buffer>,
): fc.Arbitrary<Omit<BadFrame, 'kind'>> {
  return payload.map((bytes) => ({ payload: bytes, answer }));
}

function answeredByError(payload: fc.Arbitrary<string | Buffer>): fc.Arbitrary<Omit<BadFrame, 'kind'>> {
  return answered('error', payload);
}

function isNoFrame(text: string): boolean {
  try {
    decodeTextFrame(nodeFrame, text);
    return false;
  } catch (error) {
    if (error instanceof FrameError) return true;
    throw error;
  }
}

/** A good frame with one field of its data replaced by a value that it can't have. */
const wrongField = fc
  .tuple(anyNodeFrame, fc.nat(), fc.constantFrom<unknown>({}, [], -1, 1e300, 'x'.repeat(20_000), true, null))
  .map(([{ type, data }, place, wrong]) => {
    const names = Object.keys(data);
    return JSON.stringify({ type, data: { ...data, [names[place % names.length] ?? '']: wrong } });
  })
  .filter(isNoFrame);

function deepExecution(depth: number): string {
  const deep = '['.repeat(depth) + ']'.repeat(depth);
  const data = { execution_id: '5d77b994-b13e-4c81-b532-3e2d42d15cfc', executor_action: 0 };
  return JSON.stringify({ type: 'execution_sync', data }).replace('"executor_action":0', `"executor_action":${deep}`);
}

interface Header {
  execution_id: string;
  log_epoch?: number;
  first_seq?: number;
  last_seq?: number;
  request_id?: string;
}

function pageFrame(header: Header, page = ONE_LINE): Buffer {
  return encodeLogPageFrame({
    header: { type: 'log_page', log_epoch: 1, first_seq: 1, last_seq: 1, ...header },
    gzip: page,
  });
}
