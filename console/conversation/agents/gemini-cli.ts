/**
 * Gemini CLI: `gemini -p --output-format stream-json`.
 * Documented at https://geminicli.com/docs/cli/headless, and by google-gemini/gemini-cli's
 * packages/core/src/output/types.ts. Messages of the agent come in pieces.
 */
import { size, tokens, took } from '../amounts.js';
import { member, number, object, text, type Event } from '../event.js';
import { toJson } from '../json-line.js';
import { countOf } from '../../ui/format-count.js';
import { facts, type AgentStream, type Told } from '../told.js';

export const geminiCli: AgentStream = {
  name: 'Gemini CLI',
  begins: ({ type, session_id: session, model }) => type === 'init' && text(session) !== '' && text(model) !== '',
  resembles: ({ type, tool_id: tool, timestamp }) =>
    (type === 'tool_use' || type === 'tool_result') && text(tool) !== '' && text(timestamp) !== '',
  start: (told) => (event) => {
    switch (event['type']) {
      case 'init':
        told.say({
          kind: 'session',
          agent: geminiCli.name,
          facts: facts(
            ['Model', text(event['model'])],
            ['Can use', size(event['tools'], 'tool')],
            ['Session', text(event['session_id'])],
          ),
        });
        return true;
      case 'message':
        return readMessage(told, event);
      case 'tool_use':
        told.call({ id: text(event['tool_id']), name: text(event['tool_name']), input: event['parameters'] });
        return true;
      case 'tool_result':
        return told.answer(text(event['tool_id']), {
          text: resultOf(event),
          isError: event['status'] === 'error',
        });
      case 'error':
        told.say({ kind: 'notice', isError: event['severity'] !== 'warning', text: text(event['message']) });
        return text(event['message']) !== '';
      case 'result':
        return readEnd(told, event);
      default:
        return false;
    }
  },
};

function readMessage(told: Told, { role, content, delta }: Event): boolean {
  if (typeof content !== 'string') return false;
  if (role === 'user') told.say({ kind: 'message', from: 'user', text: content });
  else if (role !== 'assistant') return false;
  else if (delta === true) told.goOn('message', content);
  else told.say({ kind: 'message', from: 'agent', text: content });
  return true;
}

function resultOf(event: Event): string {
  const failure = text(member(event, 'error', 'message'));
  const { output } = event;
  const said = typeof output === 'string' ? output : output === undefined ? '' : toJson(output, 2);
  return [said, failure].filter((part) => part !== '').join('\n');
}

function readEnd(told: Told, event: Event): boolean {
  const stats = object(event['stats']);
  const calls = number(stats['tool_calls']);
  told.say({
    kind: 'end',
    isError: event['status'] === 'error',
    text: text(member(event, 'error', 'message')),
    facts: facts(
      ['Took', took(stats['duration_ms'])],
      ['Tools', calls === undefined ? undefined : countOf(calls, 'call')],
      ['Tokens', tokens([stats['input_tokens']], [stats['output_tokens']])],
    ),
  });
  return true;
}
