/**
 * What the demo records as a coding agent: the events of `claude -p --output-format stream-json --verbose`, as that program
 * documents them. Nothing is asked or changed: ids, texts and costs are made up.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS = 180;
const MODEL = 'claude-sonnet-4-5-20250929';
const SESSION = '5a1c9a34-0000-4000-8000-0000000000d1';

type Block = Record<string, unknown>;

let messages = 0;
function says(...content: Block[]): object {
  const usage = { input_tokens: 6, cache_read_input_tokens: 11_800, output_tokens: 90 };
  const id = `msg_demo_${++messages}`;
  return event('assistant', { message: { model: MODEL, id, type: 'message', role: 'assistant', content, usage } });
}

function event(type: string, members: object): object {
  return { type, ...members, parent_tool_use_id: null, session_id: SESSION };
}

const text = (words: string): Block => ({ type: 'text', text: words });
const thinking = (words: string): Block => ({ type: 'thinking', thinking: words, signature: 'made-up' });

let calls = 0;
/** A call of a tool, and the result that it gives. */
function calling(
  name: string,
  input: object,
  result: string,
  { before = [], failed = false }: { before?: Block[]; failed?: boolean } = {},
): object[] {
  const id = `toolu_demo_${++calls}`;
  const content = [{ type: 'tool_result', tool_use_id: id, content: result, ...(failed && { is_error: true }) }];
  return [
    says(...before, { type: 'tool_use', id, name, input }),
    event('user', { message: { role: 'user', content } }),
  ];
}

const FILE = '/work/shop/src/retry.ts';
const BEFORE = `export async function retry<T>(work: () => Promise<T>, tries: number): Promise<T> {
  for (let n = 1; n < tries; n++) {
    try {
      return await work();
    } catch (error) {
      await sleep(100);
    }
  }
  throw new Error('gave up');
}`;
const AFTER = `export async function retry<T>(work: () => Promise<T>, tries: number): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await work();
    } catch (error) {
      if (n >= tries) throw error;
      await sleep(100 * 2 ** n);
    }
  }
}`;
const TEST = `import { expect, test } from 'vitest';
import { retry } from './retry.js';

test('the last error is the one that is told', async () => {
  let calls = 0;
  const work = () => Promise.reject(new Error(\`call \${++calls}\`));
  await expect(retry(work, 3)).rejects.toThrow('call 3');
  expect(calls).toBe(3);
});
`;
const FAILURE = `
 FAIL  src/checkout.test.ts > a payment is tried three times
AssertionError: expected 2 to be 3 // Object.is equality

- Expected
+ Received

- 3
+ 2

 ❯ src/checkout.test.ts:41:23

 Test Files  1 failed | 11 passed (12)
      Tests  1 failed | 96 passed (97)`;

const number = (lines: string) =>
  lines
    .split('\n')
    .map((line, index) => `${String(index + 1).padStart(6)}\t${line}`)
    .join('\n');

const todos = (...states: string[]) => ({
  todos: ['Find why it gives up early', 'Mend the loop', 'Write a test for the error'].map((content, index) => ({
    content,
    status: states[index] ?? 'pending',
    activeForm: content,
  })),
});

const EVENTS: object[] = [
  event('system', {
    subtype: 'init',
    cwd: '/work/shop',
    tools: ['Bash', 'Edit', 'Grep', 'Read', 'TodoWrite', 'Write'],
    mcp_servers: [],
    model: MODEL,
    permissionMode: 'acceptEdits',
    claude_code_version: '2.0.14',
  }),
  says(text('I’ll run the test that fails first, to see what it says.')),
  ...calling('Bash', { command: 'npx vitest run', description: 'Run the tests' }, FAILURE, { failed: true }),
  ...calling('TodoWrite', todos('in_progress'), 'Todos have been modified successfully.', {
    before: [
      thinking('Two calls instead of three: either the counter starts too late or the comparison is off by one.'),
      text('Two calls instead of three. Something counts wrongly.'),
    ],
  }),
  ...calling('Grep', { pattern: 'retry\\(', path: '/work/shop/src' }, 'src/checkout.ts:18\nsrc/retry.ts:3'),
  ...calling('Read', { file_path: FILE }, number(BEFORE)),
  ...calling(
    'Edit',
    { file_path: FILE, old_string: BEFORE, new_string: AFTER, replace_all: false },
    `The file ${FILE} has been updated.`,
    {
      before: [
        text(
          'The loop runs while `n < tries`, and `n` begins at 1: that is **one try too few**. It also throws an error of its own ' +
            'and loses the real one. I’ll mend both:\n\n1. count the tries themselves,\n2. pass on the last error.',
        ),
      ],
    },
  ),
  ...calling('TodoWrite', todos('completed', 'completed', 'in_progress'), 'Todos have been modified successfully.'),
  ...calling('Write', { file_path: '/work/shop/src/retry.test.ts', content: TEST }, 'File created successfully.'),
  ...calling(
    'Bash',
    { command: 'npx vitest run', description: 'Run the tests again' },
    '\n Test Files  13 passed (13)\n      Tests  98 passed (98)\n   Duration  2.31s',
  ),
  ...calling('TodoWrite', todos('completed', 'completed', 'completed'), 'Todos have been modified successfully.'),
  says(
    text(
      'All 98 tests pass. `retry` made one call too few, because it counted from 1 and stopped before `tries`; it now makes ' +
        'exactly as many as it is told to, waits longer each time, and throws the last error.',
    ),
  ),
  {
    type: 'result',
    subtype: 'success',
    is_error: false,
    duration_ms: 48_213,
    duration_api_ms: 41_090,
    num_turns: messages,
    result: 'All 98 tests pass. `retry` made one call too few, and now makes exactly as many as it is told to.',
    session_id: SESSION,
    total_cost_usd: 0.1482,
    usage: {
      input_tokens: 72,
      cache_creation_input_tokens: 9120,
      cache_read_input_tokens: 141_600,
      output_tokens: 1840,
    },
    permission_denials: [],
  },
];

for (const each of EVENTS) {
  process.stdout.write(`${JSON.stringify(each)}\n`);
  await sleep(PAUSE_MS);
}
