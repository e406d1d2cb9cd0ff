/**
 * Cursor: `cursor-agent -p --output-format stream-json`.
 * Documented at https://cursor.com/docs/cli/reference/output-format. It is near to Claude Code's; a tool's call is one
 * member of `tool_call`, named after the tool.
 */
import { took } from '../amounts.js';
import { isObject, member, text, type Event } from '../event.js';
import { toJson } from '../json-line.js';
import { facts, type AgentStream, type Told } from '../told.js';
import { partsOf } from './anthropic-content.js';

export const cursorAgent: AgentStream = {
  name: 'Cursor',
  begins: (event) =>
    event['type'] === 'system' &&
    event['subtype'] === 'init' &&
    text(event['session_id']) !== '' &&
    text(event['apiKeySource']) !== '' &&
    !Array.isArray(event['tools']),
  resembles: ({ type, call_id: call, tool_call: tool }) => type === 'tool_call' && text(call) !== '' && isObject(tool),
  start: (told) => {
    let said = '';
    return (event) => {
      switch (event['type']) {
        case 'system':
          if (event['subtype'] !== 'init') return false;
          told.say({
            kind: 'session',
            agent: cursorAgent.name,
            facts: facts(
              ['Model', text(event['model'])],
              ['Directory', text(event['cwd'])],
              ['Permissions', text(event['permissionMode'])],
              ['Session', text(event['session_id'])],
            ),
          });
          return true;
        case 'user':
        case 'assistant': {
          const parts = partsOf(member(event, 'message', 'content'));
          const from = event['type'] === 'user' ? 'user' : 'agent';
          for (const part of parts) {
            if (member(part, 'type') !== 'text') return false;
            if (from === 'agent') said += text(member(part, 'text'));
            told.say({ kind: 'message', from, text: text(member(part, 'text')) });
          }
          return parts.length > 0;
        }
        case 'thinking':
          if (event['subtype'] === 'delta') told.goOn('thinking', text(event['text']));
          return event['subtype'] === 'delta' || event['subtype'] === 'completed';
        case 'tool_call':
          return readTool(told, event);
        case 'result':
          told.say({
            kind: 'end',
            isError: event['is_error'] === true,
            text: text(event['result']).trim() === said.trim() ? '' : text(event['result']),
            facts: facts(['Took', took(event['duration_ms'])]),
          });
          return true;
        default:
          return false;
      }
    };
  },
};

function readTool(told: Told, event: Event): boolean {
  const [call] = Object.entries(isObject(event['tool_call']) ? event['tool_call'] : {});
  if (!call) return false;
  const [kind, detail] = call;
  const id = text(event['call_id']);
  const name = kind === 'function' ? text(member(detail, 'name')) : kind.replace(/ToolCall$/, '');
  const input = kind === 'function' ? member(detail, 'arguments') : member(detail, 'args');
  told.call({ id, name, input, isMore: event['subtype'] === 'completed' });
  if (event['subtype'] === 'started') return true;
  if (event['subtype'] !== 'completed') return false;
  const result = member(detail, 'result');
  const failure = member(result, 'error') ?? member(result, 'rejected');
  return told.answer(id, {
    text: resultText(failure ?? member(result, 'success') ?? result),
    isError: failure !== undefined,
  });
}

/** A success names its text `content`, `output` or `stdout`. */
function resultText(result: unknown): string {
  if (typeof result === 'string') return result;
  if (result === undefined) return '';
  const known = ['content', 'output', 'stdout', 'message'].map((name) => text(member(result, name)));
  return known.find((each) => each !== '') ?? toJson(result, 2);
}
