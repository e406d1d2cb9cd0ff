import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { attemptSyncData } from '../../protocol/frames.js';
import { ExecutionSummary } from './execution-summary.js';
import { READERS } from './readers.js';
import { mergeSummaries, type Summary } from './summary.js';

const STREAMS = new URL('../testing/streams/', import.meta.url);
const stream = (name: string) =>
  readFileSync(new URL(`${name}.jsonl`, STREAMS), 'utf8')
    .split('\n')
    .slice(0, -1);

function learnt(lines: readonly string[]): Summary | undefined {
  const summary = new ExecutionSummary();
  for (const line of lines) summary.line(line);
  return summary.value;
}

const EXPECTED: Record<string, Summary> = {
  'claude-code': {
    executor: 'CLAUDE_CODE',
    model: 'claude-sonnet-4-5-20250929',
    session_id: '5a1c9a34-0000-4000-8000-000000000001',
    cost_usd: 0.073462,
    turns: 3,
    last_message: 'The test passes now: the "retry" loop counted from 1.',
    input_tokens: 36010,
    output_tokens: 420,
    ended_with_error: false,
  },
  codex: {
    executor: 'CODEX',
    session_id: '0199a213-81c0-7800-8aa1-bbab2a035a53',
    turns: 1,
    last_message: 'Repo contains docs and src.',
    input_tokens: 24763,
    output_tokens: 122,
    ended_with_error: false,
  },
  'gemini-cli': {
    executor: 'GEMINI',
    model: 'gemini-2.5-pro',
    session_id: 'abc123de-0000-4000-8000-000000000002',
    turns: 2,
    last_message: 'There is one file: README.md',
    input_tokens: 50,
    output_tokens: 200,
    ended_with_error: false,
  },
  opencode: {
    executor: 'OPENCODE',
    session_id: 'ses_44f9562d4ffe',
    cost_usd: 0.003,
    turns: 2,
    last_message: 'There is a README.md.',
    input_tokens: 2700,
    output_tokens: 80,
    ended_with_error: false,
  },
  'cursor-agent': {
    executor: 'CURSOR_AGENT',
    model: 'Claude 4 Sonnet',
    session_id: 'c6b62c6f-7ead-4fd6-9922-e952131177ff',
    last_message: "I'll read the README.md fileDone! I've written the summary.",
    ended_with_error: false,
  },
};

describe('the summary of an execution', () => {
  test('has a sample for each reader', () => {
    const samples = readdirSync(STREAMS).filter((name) => name.endsWith('.jsonl'));
    expect(samples.map((name) => name.replace('.jsonl', '')).sort()).toEqual(Object.keys(EXPECTED).sort());
    expect(
      Object.values(EXPECTED)
        .map(({ executor }) => executor)
        .sort(),
    ).toEqual(READERS.map(({ executor }) => executor).sort());
  });

  test.each(Object.entries(EXPECTED))('tells what %s says of its run', (name, expected) => {
    expect(learnt(stream(name))).toEqual(expected);
  });

  test.each(Object.keys(EXPECTED))('goes on with %s where another process stopped, at any line', (name) => {
    const lines = stream(name);
    for (let at = 0; at <= lines.length; at++) {
      const first = new ExecutionSummary();
      for (const line of lines.slice(0, at)) first.line(line);
      const second = new ExecutionSummary(first.toJson());
      for (const line of lines.slice(at)) second.line(line);
      expect(second.value).toEqual(EXPECTED[name]);
    }
  });

  test('shows the last message and the turns while the agent still runs', () => {
    expect(learnt(stream('claude-code').slice(0, 2))).toMatchObject({
      turns: 1,
      last_message: "I'll look at the failing test first.",
    });
  });

  test('sums up what several runs in one execution used', () => {
    const first = stream('claude-code');
    const second = first.map((line) => line.replaceAll('5a1c9a34', '5a1c9a35'));
    expect(learnt([...first, 'between', ...second, ...stream('codex')])).toMatchObject({
      executor: 'CODEX',
      cost_usd: 0.146923,
      turns: 7,
      output_tokens: 962,
      last_message: 'Repo contains docs and src.',
    });
  });

  test('counts the cost of a session once, although each answer says what all have cost so far', () => {
    const lines = stream('claude-code');
    const next = lines.map((line) => line.replace('"total_cost_usd":0.0734615', '"total_cost_usd":0.1'));
    expect(learnt([...lines, ...next])).toMatchObject({ cost_usd: 0.1, turns: 6 });
  });

  test('says that a run failed, and takes it back when another one begins', () => {
    const failed = stream('codex').map((line) =>
      line.startsWith('{"type":"turn.completed"') ? '{"type":"turn.failed","error":{"message":"no quota"}}' : line,
    );
    expect(learnt(failed)).toMatchObject({ ended_with_error: true });
    expect(learnt([...failed, ...stream('gemini-cli').slice(0, 3)])).not.toHaveProperty('ended_with_error');
  });

  test('takes the one object of --output-format json', () => {
    expect(learnt(stream('claude-code').slice(-1))).toMatchObject({ executor: 'CLAUDE_CODE', turns: 3 });
    expect(learnt(stream('cursor-agent').slice(-1))).toMatchObject({ executor: 'CURSOR_AGENT' });
  });

  test('learns nothing from JSON lines of another program', () => {
    const lines = [
      '{"type":"result","session_id":"a"}',
      '{"type":"error"}',
      '{"level":"info"}',
      '{"type":"text","part":1}',
    ];
    expect(learnt([...lines, '{"type":"message","role":"assistant","content":"hello"}'])).toBeUndefined();
  });

  test('bounds what it keeps, without control characters and without half characters', () => {
    const said = (text: string) =>
      learnt([
        ...stream('codex').slice(0, 2),
        JSON.stringify({ type: 'item.completed', item: { type: 'agent_message', text } }),
      ])?.last_message ?? '';
    expect(said('a\u0000\u001b[31mb\ud800c\n')).toBe('a[31mb\ufffdc\n');
    expect(Buffer.byteLength(said('漢'.repeat(3000)))).toBeLessThanOrEqual(4096);
    expect(said('漢'.repeat(3000))).toMatch(/^漢+…$/);
    expect(said('a'.repeat(4096))).toBe('a'.repeat(4096));
  });

  test('counts what it cannot read, and goes on', () => {
    const summary = new ExecutionSummary();
    for (const line of [
      ...stream('codex').slice(0, 2),
      '{"type":"turn.completed","usage":',
      ...stream('codex').slice(5),
    ]) {
      summary.line(line);
    }
    expect([summary.unread, summary.value?.output_tokens]).toEqual([1, 122]);
  });
});

describe('whatever a program prints', () => {
  const samples = Object.keys(EXPECTED).flatMap((name) => stream(name));
  const types = READERS.flatMap((reader) => reader.types);
  const names = ['type', 'subtype', 'session_id', 'sessionID', 'thread_id', 'message', 'part', 'item', 'usage', 'stats',
    'tokens', 'cost', 'result', 'total_cost_usd', 'num_turns', 'content', 'text', 'role', 'model', 'tools', 'delta']; // prettier-ignore
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(...types, 'init', 'assistant', 'x', 1e300, -1, 0.5));
  const object = fc.dictionary(
    fc.constantFrom(...names),
    fc.oneof(value, fc.dictionary(fc.constantFrom(...names), value)),
  );
  const event = fc
    .tuple(fc.constantFrom(...types), object)
    .map(([type, members]) =>
      JSON.stringify({ ...members, type }).replace(/^\{(.*),"type":"([^"]*)"\}$/, '{"type":"$2",$1}'),
    );
  const damaged = fc
    .tuple(fc.constantFrom(...samples), fc.nat({ max: 400 }), fc.string())
    .map(([line, at, put]) => line.slice(0, at) + put + line.slice(at + put.length));
  const line = fc.oneof(fc.constantFrom(...samples), event, damaged, fc.string());

  test.each(['', 'null', '{}', '{"earlier":{},"run":nu', '[]'])('begins anew where %j was stored', (stored) => {
    expect(new ExecutionSummary(stored).value).toBeUndefined();
  });

  test('never throws, and the summary is always one that the hive takes', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
        const summary = new ExecutionSummary();
        for (const each of lines) summary.line(each);
        const restored = new ExecutionSummary(summary.toJson());
        expect(restored.value).toEqual(summary.value);
        const merged = mergeSummaries([summary.value ?? {}, summary.value ?? {}]);
        expect(attemptSyncData.shape.summary.safeParse(merged).error?.issues).toBeUndefined();
        expect(JSON.stringify(merged)).not.toMatch(/\\u/);
      }),
      { numRuns: 500 },
    );
  });
});
