/**
 * Cursor: `cursor-agent -p --output-format stream-json`, and the one object of `--output-format json`.
 * Documented at https://cursor.com/docs/cli/reference/output-format. It is near to Claude Code's; its init names no tools,
 * and its result has a request_id and no cost.
 */
import { contentText, setMessage, setName, text, type StreamReader } from './run.js';

export const cursorAgent: StreamReader = {
  executor: 'CURSOR_AGENT',
  types: ['system', 'assistant', 'result'],
  begins: (event) =>
    text(event['session_id']) !== undefined &&
    (event['type'] === 'result'
      ? text(event['request_id']) !== undefined
      : event['subtype'] === 'init' && text(event['apiKeySource']) !== undefined && !Array.isArray(event['tools'])),
  read: (event, run) => {
    setName(run, 'session_id', event['session_id']);
    setName(run, 'model', event['model']);
    if (event['type'] === 'assistant') setMessage(run, contentText(event['message']));
    if (event['type'] !== 'result') return;
    setMessage(run, event['result']);
    run.ended_with_error = event['is_error'] === true;
  },
};
