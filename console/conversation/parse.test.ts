import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { cpuMsOf } from '../../tests/harness/cpu-time.js';
import fc from 'fast-check';
import type { Line } from '../log/line.js';
import type { Item } from './items.js';
import { Conversation } from './parse.js';

const read = (url: URL) => readFileSync(url, 'utf8').split('\n').slice(0, -1);
const nodeSample = (name: string) => read(new URL(`../../node-agent/testing/streams/${name}.jsonl`, import.meta.url));
const ownSample = (name: string) => read(new URL(`./samples/${name}.jsonl`, import.meta.url));

const line = (content: string, seq: number, more: Partial<Line> = {}): Line => ({
  seq,
  content,
  type: 'stdout',
  at: '2026-01-01T10:00:00Z',
  isPartial: false,
  ...more,
});
const linesOf = (contents: readonly string[]) => contents.map((content, index) => line(content, index + 1));

function itemsOf(lines: readonly Line[]): readonly Item[] {
  const conversation = new Conversation();
  conversation.take(lines);
  return [...conversation.items, ...conversation.unfinished()];
}

/** An item in a line, as far as it matters here. */
function told({ content, isInner }: Item): string {
  const inner = isInner ? '  ' : '';
  switch (content.kind) {
    case 'message':
      return `${inner}${content.from}: ${content.text}`;
    case 'thinking':
      return `${inner}thinking: ${content.text}`;
    case 'tool': {
      const { name, result } = content;
      const outcome = result === undefined ? '…' : result.isError ? `! ${result.text}` : `-> ${result.text}`;
      return `${inner}${name} ${JSON.stringify(content.input)} ${outcome}`;
    }
    case 'end':
      return `${inner}end${content.isError ? ' with error' : ''}: ${[content.text, ...content.facts.map((fact) => fact.join(' '))].join('; ')}`;
    case 'output':
      return `${content.stream}: ${content.lines.join('|')}`;
    case 'raw':
      return `raw ${content.type}`;
    case 'pieces':
      return `${content.count} ${content.type}`;
    case 'notice':
      return `${content.isError ? 'error' : 'notice'}: ${content.text}`;
    case 'session':
      return `${content.agent}: ${content.facts.map((fact) => fact.join(' ')).join('; ')}`;
  }
}

const conversationOf = (contents: readonly string[]) => itemsOf(linesOf(contents)).map(told);

test('Claude Code: messages, a tool with its result, a subagent and the end with its cost', () => {
  expect(conversationOf(nodeSample('claude-code'))).toEqual([
    'Claude Code: Model claude-sonnet-4-5-20250929; Version 2.0.14; Directory /work/project; Permissions acceptEdits; Can use 4 tools; Session 5a1c9a34-0000-4000-8000-000000000001',
    "agent: I'll look at the failing test first.",
    'Bash {"command":"npm test","description":"Run the tests"} ! 1 failing\n',
    "  agent: A subagent's words.",
    'agent: The test passes now: the "retry" loop counted from 1.',
    'end: ; Cost $0.07; Took 21 s; Turns 3 turns; Tokens 36,010 in, 420 out',
  ]);
});

test('Codex: commands, thoughts and messages', () => {
  expect(conversationOf(nodeSample('codex'))).toEqual([
    'Codex: Session 0199a213-81c0-7800-8aa1-bbab2a035a53',
    'command {"command":"bash -lc ls"} -> docs\nsrc\n',
    'thinking: **Looking at the sources**',
    'agent: Repo contains docs and src.',
    'end: ; Tokens 24,763 in, 122 out',
  ]);
});

test('Gemini CLI: messages that come in pieces are whole', () => {
  expect(conversationOf(nodeSample('gemini-cli'))).toEqual([
    'Gemini CLI: Model gemini-2.5-pro; Session abc123de-0000-4000-8000-000000000002',
    'user: List the files',
    'agent: I will list them.',
    'list_directory {"path":"."} -> README.md',
    'agent: There is one file: README.md',
    'end: ; Took 3.0 s; Tools 1 call; Tokens 50 in, 200 out',
  ]);
});

test('OpenCode: what all steps have cost', () => {
  expect(conversationOf(nodeSample('opencode'))).toEqual([
    'OpenCode: Session ses_44f9562d4ffe',
    'bash {"command":"ls"} -> README.md\n',
    'agent: There is a README.md.',
    'end: ; Cost $0.0030; Tokens 2,700 in, 80 out',
  ]);
});

test('Cursor: a tool whose result never came says so', () => {
  expect(conversationOf(nodeSample('cursor-agent'))).toEqual([
    'Cursor: Model Claude 4 Sonnet; Directory /work/project; Permissions default; Session c6b62c6f-7ead-4fd6-9922-e952131177ff',
    'user: Read README.md and create a summary',
    "agent: I'll read the README.md file",
    'read {"path":"README.md"} …',
    "agent: Done! I've written the summary.",
    'end: ; Took 5.2 s',
  ]);
});

test('a longer run: thoughts, things to do, edits with their place, a subagent, and what nobody knows', () => {
  const items = itemsOf(linesOf(ownSample('claude-code-work')));
  expect(items.map(told)).toEqual([
    expect.stringMatching(/^Claude Code: /),
    'thinking: The retry loop starts at 1.\nI should look at the tests first.',
    "agent: I'll plan this first.",
    expect.stringMatching(/^TodoWrite .* -> Todos have been modified successfully\.$/),
    expect.stringMatching(/^Edit .* -> The file .* has been updated\.$/),
    expect.stringMatching(/^Task .* -> There is no other one\.\n\(a picture, image\/png\)$/),
    '  Grep {"pattern":"let i = 1","path":"src"} -> No matches found',
    'notice: The conversation was compacted. It had 155,000 tokens.',
    'raw something_new',
    'agent: **Done**: the loop starts at `0` now.\n\n- the test passes\n- nothing else had it',
    'raw assistant',
    'end: ; Cost $0.18; Took 1 min 01 s; Turns 5 turns; Tokens 36,010 in, 420 out; Not permitted WebFetch',
  ]);
  const edit = items[4];
  expect(edit).toMatchObject({
    lines: { first: 5, last: 5 },
    content: { result: { lines: { first: 6, last: 6 }, patch: [{ oldStart: 11, newStart: 11 }] } },
  });
});

test('lines that are no events stay, in their place', () => {
  const events = nodeSample('codex');
  const lines = linesOf([
    '$ codex exec',
    'starting',
    ...events.slice(0, 4),
    '{"type":"item.comp',
    'npm warn',
    ...events.slice(4),
  ]);
  lines[7] = line('npm warn', 8, { type: 'stderr' });
  expect(itemsOf(lines).map(told)).toEqual([
    'stdout: $ codex exec|starting',
    expect.stringMatching(/^Codex/),
    expect.stringMatching(/^command/),
    'stdout: {"type":"item.comp',
    'stderr: npm warn',
    expect.stringMatching(/^thinking/),
    expect.stringMatching(/^agent/),
    expect.stringMatching(/^end/),
  ]);
});

test('the output of a program that is no agent is only output, JSON or not', () => {
  expect(conversationOf(['{"level":30,"msg":"up"}', 'ready', '{"type":"x"}'])).toEqual([
    'stdout: {"level":30,"msg":"up"}|ready|{"type":"x"}',
  ]);
});

test('a log whose beginning is lost is recognised by what it has', () => {
  expect(conversationOf(nodeSample('claude-code').slice(1))[0]).toBe("agent: I'll look at the failing test first.");
  expect(conversationOf(nodeSample('codex').slice(3))[0]).toMatch(/^command/);
  expect(conversationOf(nodeSample('gemini-cli').slice(4))[0]).toMatch(/^list_directory/);
});

test('an event in several entries is read when its end has come, and shown as it is until then', () => {
  const [begin = '', second = ''] = nodeSample('codex');
  const parts = [line(begin.slice(0, 10), 1, { isPartial: true }), line(begin.slice(10, 30), 2, { isPartial: true })];
  expect(itemsOf(parts).map(told)).toEqual([`stdout: ${begin.slice(0, 30)}`]);
  const whole = itemsOf([
    ...parts,
    line('meanwhile', 3, { type: 'stderr' }),
    line(begin.slice(30), 4),
    line(second, 5),
  ]);
  expect(whole.map(told)).toEqual(['stderr: meanwhile', expect.stringMatching(/^Codex/)]);
  expect(whole[1]?.lines).toEqual({ first: 1, last: 4 });
});

test('what comes in pieces besides coming as a whole is counted', () => {
  const [init = '', said = ''] = nodeSample('claude-code');
  const piece = '{"type":"stream_event","event":{"type":"content_block_delta"},"session_id":"5a1c9a34"}';
  expect(conversationOf([init, piece, piece, piece, said])).toEqual([
    expect.stringMatching(/^Claude Code/),
    '3 stream_event',
    expect.stringMatching(/^agent/),
  ]);
});

test('a result whose call is not there, or that comes twice, is shown as it is', () => {
  const [init = '', , call = '', result = ''] = nodeSample('claude-code');
  expect(conversationOf([init, result]).at(-1)).toBe('raw user');
  expect(conversationOf([init, call, result, result]).map((text) => text.slice(0, 8))).toEqual([
    'Claude C',
    'Bash {"c',
    'raw user',
  ]);
});

test('a call that comes twice is two, and the result is that of the last', () => {
  const use = '{"type":"tool_use","tool_name":"ls","tool_id":"1","parameters":{"path":"%"},"timestamp":"t"}';
  const result = '{"type":"tool_result","tool_id":"1","status":"success","output":"a file","timestamp":"t"}';
  expect(conversationOf([use.replace('%', 'a'), use.replace('%', 'b'), result])).toEqual([
    'ls {"path":"a"} …',
    'ls {"path":"b"} -> a file',
  ]);
});

test('tells from where on items are new or others than before', () => {
  const conversation = new Conversation();
  const [init = '', said = '', call = '', result = '', other = ''] = nodeSample('claude-code');
  expect(conversation.take(linesOf([init, said, call]))).toBe(0);
  const before = conversation.items[2];
  expect(conversation.take([line(result, 4)])).toBe(2);
  expect(conversation.items[2]).not.toBe(before);
  expect(before).toMatchObject({ content: { kind: 'tool' } });
  expect(before?.content).not.toHaveProperty('result');
  expect(conversation.take([line(other, 5)])).toBe(3);
});

test('hostile events are shown, and break nothing', () => {
  const [init = ''] = nodeSample('claude-code');
  const deep = `{"type":"assistant","message":{"content":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`;
  const hostile = [
    deep,
    '{"type":"assistant","message":{"content":[{"type":"tool_use","id":"__proto__","name":"constructor","input":{"__proto__":{"x":1}}}]}}',
    '{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"__proto__","content":{"toString":1}}]}}',
    '{"type":"assistant","message":null}',
    '{"type":"assistant","message":{"content":[null,1,"x"]}}',
    '{"type":["assistant"]}',
    '{"type":"result","usage":"x","errors":{"length":1e9}}',
    '{"__proto__":{"type":"result"}}',
  ];
  const items = conversationOf([init, ...hostile]);
  expect(items).toContain('constructor {"__proto__":{"x":1}} -> {\n  "toString": 1\n}');
  expect(items.filter((text) => text.startsWith('raw')).length).toBe(5);
  expect(items.at(-2)).toMatch(/^end with error/);
});

test('a line of 20 MB is text, and costs no time', () => {
  const [init = ''] = nodeSample('claude-code');
  const huge = `{"type":"assistant","x":"${'a'.repeat(20_000_000)}"}`;
  let items: ReturnType<typeof itemsOf> = [];
  expect(cpuMsOf(() => (items = itemsOf(linesOf([init, huge]))))).toBeLessThan(500);
  expect(items[1]?.content).toMatchObject({ kind: 'output' });
});

test('10,000 events are parsed in two seconds of CPU at most', () => {
  const sample = ownSample('claude-code-work');
  const lines = linesOf(Array.from({ length: 10_000 }, (_, index) => sample[index % sample.length] ?? ''));
  expect(cpuMsOf(() => expect(itemsOf(lines).length).toBeGreaterThan(8000))).toBeLessThan(2000); // a tenth of it on a quiet machine
});

test('whatever is printed, every line is in an item, and how it is cut changes nothing', () => {
  const samples = ['claude-code', 'codex', 'gemini-cli', 'opencode', 'cursor-agent'].flatMap(nodeSample);
  const damaged = fc
    .tuple(fc.constantFrom(...samples), fc.nat({ max: 400 }), fc.string())
    .map(([text, at, put]) => text.slice(0, at) + put + text.slice(at + put.length));
  const event = fc
    .tuple(
      fc.constantFrom('assistant', 'user', 'result', 'item.completed', 'tool_use', 'error', 'x'),
      fc.object({ maxDepth: 4 }),
    )
    .map(([type, members]) => JSON.stringify({ ...members, type }));
  const content = fc.oneof(fc.constantFrom(...samples), damaged, event, fc.string());
  const one = fc.record({
    content,
    type: fc.constantFrom('stdout' as const, 'stdout' as const, 'stderr' as const),
    isPartial: fc.boolean(),
  });
  const HIDDEN = /"type":"(turn\.started|item\.started|step_start|step_finish|thinking)"/;
  fc.assert(
    fc.property(fc.array(one, { maxLength: 40 }), fc.nat({ max: 40 }), (given, cut) => {
      const lines = given.map(({ content: text, ...more }, index) => line(text, index + 1, more));
      const whole = itemsOf(lines);
      const inTwo = new Conversation();
      inTwo.take(lines.slice(0, cut));
      inTwo.take(lines.slice(cut));
      expect([...inTwo.items, ...inTwo.unfinished()]).toEqual(whole);
      const shown = (seq: number) =>
        whole.some(({ lines: { first, last }, content: inner }) => {
          const result = inner.kind === 'tool' ? inner.result?.lines : undefined;
          return (first <= seq && seq <= last) || (result && result.first <= seq && seq <= result.last);
        });
      for (const each of lines) {
        if (!HIDDEN.test(each.content) && !each.isPartial && !lines[each.seq - 2]?.isPartial)
          expect([each.content, shown(each.seq)]).toEqual([each.content, true]);
      }
    }),
    { numRuns: 300 },
  );
});
