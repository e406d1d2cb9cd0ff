/**
 * Claude Code: `claude -p --output-format stream-json --verbose`, and the one object of `--output-format json`.
 * Documented at https://code.claude.com/docs/en/headless and, member by member, under SDKMessage at
 * https://code.claude.com/docs/en/agent-sdk/typescript; cost at https://code.claude.com/docs/en/agent-sdk/cost-tracking
 * (an estimate of the client, one for each query, also where it failed).
 */
import {
  amount,
  contentText,
  member,
  setMessage,
  setName,
  text,
  total,
  type Event,
  type Run,
  type StreamReader,
} from './run.js';

export const claudeCode: StreamReader = {
  executor: 'CLAUDE_CODE',
  types: ['system', 'assistant', 'result'],
  begins: (event) =>
    text(event['session_id']) !== undefined &&
    (event['type'] === 'result'
      ? amount(event['total_cost_usd']) !== undefined
      : event['subtype'] === 'init' && Array.isArray(event['tools'])),
  read: (event, run) => {
    setName(run, 'session_id', event['session_id']);
    if (event['type'] === 'system') setName(run, 'model', event['model']);
    else if (event['type'] === 'assistant') readAssistant(event, run);
    else readResult(event, run);
  },
};

function readAssistant(event: Event, run: Run): void {
  if (text(event['parent_tool_use_id']) !== undefined) return; // what a subagent says is not the answer
  const message = event['message'];
  const id = text(member(message, 'id'));
  if (id !== undefined && id !== run.open_message) {
    run.open_message = id; // a message comes in several events, one for each of its parts
    run.turns = (run.turns ?? 0) + 1;
  }
  setName(run, 'model', member(message, 'model'));
  setMessage(run, contentText(message));
}

function readResult(event: Event, run: Run): void {
  const usage = event['usage'];
  const cost = amount(event['total_cost_usd']);
  // a session that goes on in the same process counts its cost on; anything smaller is a process of its own
  const goesOn = cost !== undefined && cost >= (run.cost_usd ?? 0);
  const put = (name: 'cost_usd' | 'input_tokens' | 'output_tokens', value: number | undefined) => {
    if (value !== undefined) run[name] = goesOn ? Math.max(value, run[name] ?? 0) : (run[name] ?? 0) + value;
  };
  put('cost_usd', cost);
  const cached = [member(usage, 'cache_creation_input_tokens'), member(usage, 'cache_read_input_tokens')];
  put('input_tokens', total(member(usage, 'input_tokens'), ...cached));
  put('output_tokens', amount(member(usage, 'output_tokens')));
  const turns = amount(event['num_turns']);
  if (turns !== undefined) run.turns = run.ended_turns = (run.ended_turns ?? 0) + turns;
  setMessage(run, event['result']);
  run.ended_with_error = event['is_error'] === true || event['subtype'] !== 'success';
}
