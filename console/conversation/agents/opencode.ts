/**
 * OpenCode: `opencode run --format json`.
 * Documented at https://opencode.ai/docs/cli, and by anomalyco/opencode's packages/opencode/src/cli/cmd/run.ts and
 * session/message-v2.ts: {type, timestamp, sessionID, part}. A tool's call comes with its result, when it is done.
 */
import { money, tokens } from '../amounts.js';
import { member, number, object, text, type Event } from '../event.js';
import { toJson } from '../json-line.js';
import { facts, type AgentStream, type Told } from '../told.js';

export const opencode: AgentStream = {
  name: 'OpenCode',
  begins: () => false, // it does not tell; every event has the session
  resembles: ({ type, sessionID: session, part }) =>
    text(session) !== '' &&
    ['step_start', 'step_finish', 'text', 'tool_use', 'reasoning'].includes(text(type)) &&
    part !== undefined,
  start: (told) => {
    let session = '';
    const used: Used = { cost: 0, input: 0, output: 0 };
    return (event) => {
      if (text(event['sessionID']) !== session) {
        session = text(event['sessionID']);
        told.say({ kind: 'session', agent: opencode.name, facts: facts(['Session', session]) });
      }
      const part = object(event['part']);
      switch (event['type']) {
        case 'step_start':
          return true;
        case 'text':
          told.say({ kind: 'message', from: 'agent', text: text(part['text']) });
          return true;
        case 'reasoning':
          told.say({ kind: 'thinking', text: text(part['text']) });
          return true;
        case 'tool_use':
          return readTool(told, part);
        case 'step_finish':
          return readStep(told, part, used);
        case 'error': {
          const failure = object(event['error']);
          told.say({
            kind: 'notice',
            isError: true,
            text: text(member(failure, 'data', 'message')) || toJson(failure),
          });
          return true;
        }
        default:
          return false;
      }
    };
  },
};

function readTool(told: Told, part: Event): boolean {
  const state = object(part['state']);
  const id = text(part['callID']);
  const isError = state['status'] === 'error';
  const isDone = state['status'] === 'completed' || isError;
  told.call({ id, name: text(part['tool']), input: state['input'], isMore: isDone });
  if (!isDone) return state['status'] === 'running' || state['status'] === 'pending';
  return told.answer(id, { text: isError ? text(state['error']) : text(state['output']), isError });
}

/** What all steps so far have cost. */
interface Used {
  cost: number;
  input: number;
  output: number;
}

function readStep(told: Told, part: Event, used: Used): boolean {
  const { input, output, reasoning, cache } = object(part['tokens']);
  const add = (name: keyof Used, values: unknown[]) => values.forEach((value) => (used[name] += number(value) ?? 0));
  add('cost', [part['cost']]);
  add('input', [input, member(cache, 'read'), member(cache, 'write')]);
  add('output', [output, reasoning]);
  if (part['reason'] === 'tool-calls') return true; // another step follows
  const isError = part['reason'] === 'error';
  told.say({
    kind: 'end',
    isError,
    text: '',
    facts: facts(
      ['Ended', isError ? 'error' : undefined],
      ['Cost', money(used.cost)],
      ['Tokens', tokens([used.input], [used.output])],
    ),
  });
  return true;
}
