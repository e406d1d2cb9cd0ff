/**
 * Codex: `codex exec --json`.
 * Documented at https://developers.openai.com/codex/noninteractive, and by openai/codex's codex-rs/exec/src/exec_events.rs
 * (read at 08a1f30c): thread.started, turn.started, turn.completed with `usage`, turn.failed, item.completed, error.
 * The stream names neither the model nor the cost.
 */
import { add, member, setMessage, setName, text, type StreamReader } from './run.js';

export const codex: StreamReader = {
  executor: 'CODEX',
  types: ['thread.started', 'turn.started', 'turn.completed', 'turn.failed', 'item.completed', 'error'],
  begins: (event) => event['type'] === 'thread.started' && text(event['thread_id']) !== undefined,
  read: (event, run) => {
    switch (event['type']) {
      case 'thread.started':
        setName(run, 'session_id', event['thread_id']);
        break;
      case 'turn.started':
        add(run, 'turns', 1);
        break;
      case 'turn.completed':
        add(run, 'input_tokens', member(event['usage'], 'input_tokens'));
        add(run, 'output_tokens', member(event['usage'], 'output_tokens'));
        run.ended_with_error = false;
        break;
      case 'item.completed':
        if (member(event['item'], 'type') === 'agent_message') setMessage(run, member(event['item'], 'text'));
        break;
      default:
        run.ended_with_error = true; // turn.failed, error; the latter is also said of a try that is repeated
    }
  },
};
