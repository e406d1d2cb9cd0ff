/**
 * Gemini CLI: `gemini -p --output-format stream-json`.
 * Documented at https://geminicli.com/docs/cli/headless, and by google-gemini/gemini-cli's
 * packages/core/src/output/types.ts (read at 04fbf507): init, message (in pieces: `delta`), tool_use, tool_result, error,
 * result with `stats`. The stream does not name the cost.
 */
import { add, member, setMessage, setName, text, type StreamReader } from './run.js';

export const geminiCli: StreamReader = {
  executor: 'GEMINI',
  types: ['init', 'message', 'tool_use', 'result'],
  begins: (event) =>
    event['type'] === 'init' && text(event['session_id']) !== undefined && text(event['model']) !== undefined,
  read: (event, run) => {
    switch (event['type']) {
      case 'init':
        setName(run, 'session_id', event['session_id']);
        setName(run, 'model', event['model']);
        break;
      case 'message':
        if (event['role'] !== 'assistant') run.open_message = undefined;
        else if (event['delta'] === true && run.open_message !== undefined) {
          run.open_message += text(event['content']) ?? '';
          setMessage(run, run.open_message);
          run.open_message = run.last_message;
        } else {
          add(run, 'turns', 1);
          setMessage(run, event['content']);
          run.open_message = run.last_message ?? '';
        }
        break;
      case 'tool_use':
        run.open_message = undefined;
        break;
      default:
        add(run, 'input_tokens', member(event['stats'], 'input_tokens'));
        add(run, 'output_tokens', member(event['stats'], 'output_tokens'));
        run.ended_with_error = event['status'] === 'error';
    }
  },
};
