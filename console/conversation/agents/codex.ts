/**
 * Codex: `codex exec --json`.
 * Documented at https://developers.openai.com/codex/noninteractive, and by openai/codex's codex-rs/exec/src/exec_events.rs.
 * An item has an id, and comes when it begins, when it changes and when it is done.
 */
import { tokens } from '../amounts.js';
import { list, member, number, object, text, type Event } from '../event.js';
import type { ToolResult } from '../items.js';
import { facts, type AgentStream, type Call, type Told } from '../told.js';
import { resultText } from './anthropic-content.js';

export const codex: AgentStream = {
  name: 'Codex',
  begins: ({ type, thread_id: thread }) => type === 'thread.started' && text(thread) !== '',
  resembles: ({ type, item }) => text(type).startsWith('item.') && text(member(item, 'id')) !== '',
  start: (told) => {
    let run = 0;
    return (event) => {
      switch (event['type']) {
        case 'thread.started':
          told.say({ kind: 'session', agent: codex.name, facts: facts(['Session', text(event['thread_id'])]) });
          return true;
        case 'turn.started':
          run++; // ids of items begin anew in each turn
          return true;
        case 'item.started':
        case 'item.updated':
        case 'item.completed':
          return readItem(told, object(event['item']), event['type'], `${run}/`);
        case 'turn.completed':
          return readEnd(told, event, '');
        case 'turn.failed':
          return readEnd(told, event, text(member(event, 'error', 'message')) || 'The turn failed.');
        case 'error':
          told.say({ kind: 'notice', isError: true, text: text(event['message']) });
          return text(event['message']) !== '';
        default:
          return false;
      }
    };
  },
};

function readItem(told: Told, item: Event, event: string, run: string): boolean {
  const call = { id: run + text(item['id']), isMore: event !== 'item.started' };
  const isDone = event === 'item.completed';
  switch (item['type']) {
    case 'agent_message':
      if (isDone) told.say({ kind: 'message', from: 'agent', text: text(item['text']) });
      return true;
    case 'reasoning':
      if (isDone) told.say({ kind: 'thinking', text: text(item['text']) });
      return true;
    case 'error':
      if (isDone) told.say({ kind: 'notice', isError: true, text: text(item['message']) });
      return true;
    case 'command_execution': {
      const exitCode = number(item['exit_code']);
      const status = exitCode === undefined || exitCode === 0 ? '' : `\n(exit status ${exitCode})`;
      return useTool(told, { ...call, name: 'command', input: { command: item['command'] } }, isDone, {
        text: `${text(item['aggregated_output'])}${status}`,
        isError: (exitCode !== undefined && exitCode !== 0) || item['status'] === 'failed',
      });
    }
    case 'file_change':
      return useTool(told, { ...call, name: 'file change', input: { changes: item['changes'] } }, isDone, {
        text: text(item['status']),
        isError: item['status'] === 'failed',
      });
    case 'mcp_tool_call': {
      const name = [text(item['server']), text(item['tool'])].filter((part) => part !== '').join('/');
      return useTool(told, { ...call, name, input: item['arguments'] }, isDone, {
        text: text(member(item, 'error', 'message')) || resultText(member(item, 'result', 'content')),
        isError: item['status'] === 'failed',
      });
    }
    case 'web_search':
      return useTool(told, { ...call, name: 'web search', input: { query: item['query'] } }, isDone, NOTHING);
    case 'todo_list':
      return useTool(told, { ...call, name: 'todo list', input: { todos: list(item['items']) } }, isDone, NOTHING);
    default:
      return false;
  }
}

const NOTHING: ToolResult = { text: '', isError: false };

function useTool(told: Told, call: Call, isDone: boolean, result: ToolResult): boolean {
  told.call(call);
  return isDone ? told.answer(call.id, result) : true;
}

function readEnd(told: Told, event: Event, failure: string): boolean {
  const { input_tokens: input, output_tokens: output } = object(event['usage']);
  told.say({
    kind: 'end',
    isError: failure !== '',
    text: failure,
    facts: facts(['Tokens', tokens([input], [output])]),
  });
  return true;
}
