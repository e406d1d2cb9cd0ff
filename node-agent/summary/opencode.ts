/**
 * OpenCode: `opencode run --format json`.
 * Documented at https://opencode.ai/docs/cli (the option), and by anomalyco/opencode's packages/opencode/src/cli/cmd/run.ts
 * and session/message-v2.ts: {type, timestamp, sessionID, part}, with step_start, text, tool_use, step_finish (its part has
 * cost and tokens) and error. The stream does not name the model.
 */
import { add, member, object, setMessage, setName, text, total, type StreamReader } from './run.js';

export const opencode: StreamReader = {
  executor: 'OPENCODE',
  types: ['step_start', 'text', 'step_finish', 'error'],
  begins: (event) => event['type'] === 'step_start' && text(event['sessionID']) !== undefined,
  read: (event, run) => {
    setName(run, 'session_id', event['sessionID']);
    const part = object(event['part']);
    switch (event['type']) {
      case 'step_start':
        add(run, 'turns', 1);
        break;
      case 'text':
        setMessage(run, part['text']);
        break;
      case 'step_finish': {
        const tokens = object(part['tokens']);
        const cached = [member(tokens['cache'], 'read'), member(tokens['cache'], 'write')];
        add(run, 'cost_usd', part['cost']);
        add(run, 'input_tokens', total(tokens['input'], ...cached));
        add(run, 'output_tokens', total(tokens['output'], tokens['reasoning']));
        run.ended_with_error = false;
        break;
      }
      default:
        run.ended_with_error = true;
    }
  },
};
