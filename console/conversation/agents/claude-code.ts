/**
 * Claude Code: `claude -p --output-format stream-json --verbose`.
 * Documented at https://code.claude.com/docs/en/headless and, member by member, under SDKMessage at
 * https://code.claude.com/docs/en/agent-sdk/typescript. A message comes in several events, one for each of its parts.
 */
import { money, size, tokens, took, turns } from '../amounts.js';
import { isObject, list, member, number, object, text, type Event } from '../event.js';
import type { Hunk, ToolResult } from '../items.js';
import { toJson } from '../json-line.js';
import { facts, type AgentStream, type Told } from '../told.js';
import { partsOf, resultText } from './anthropic-content.js';

export const claudeCode: AgentStream = {
  name: 'Claude Code',
  begins: (event) =>
    event['type'] === 'system' &&
    event['subtype'] === 'init' &&
    text(event['session_id']) !== '' &&
    Array.isArray(event['tools']),
  resembles: ({ type, session_id: session, message }) =>
    text(session) !== '' &&
    ((type === 'assistant' && text(member(message, 'id')).startsWith('msg_')) ||
      (type === 'user' &&
        partsOf(member(message, 'content')).some((part) => member(part, 'tool_use_id') !== undefined))),
  start: (told) => {
    let lastText = '';
    return (event) => {
      told.setInner(text(event['parent_tool_use_id']) !== '');
      switch (event['type']) {
        case 'system':
          return readSystem(told, event);
        case 'assistant':
          lastText = textOf(event) || lastText;
          return readParts(told, event, readAssistantPart);
        case 'user':
          return readParts(told, event, readUserPart);
        case 'result':
          return readResult(told, event, lastText);
        case 'stream_event':
        case 'tool_progress':
          told.say({ kind: 'pieces', type: event['type'], count: 1 });
          return true;
        default:
          return false;
      }
    };
  },
};

type ReadPart = (told: Told, part: Event, event: Event) => boolean;

/** @returns whether every part was understood; a message without any tells nothing */
function readParts(told: Told, event: Event, read: ReadPart): boolean {
  const parts = partsOf(member(event, 'message', 'content'));
  const isRead = parts.map((part) => isObject(part) && read(told, part, event));
  return isRead.length > 0 && !isRead.includes(false);
}

const readAssistantPart: ReadPart = (told, part) => {
  switch (part['type']) {
    case 'text':
      told.say({ kind: 'message', from: 'agent', text: text(part['text']) });
      return true;
    case 'thinking':
      told.say({ kind: 'thinking', text: text(part['thinking']) });
      return true;
    case 'redacted_thinking':
      told.say({ kind: 'thinking', text: '(not shown by the agent)' });
      return true;
    case 'tool_use':
    case 'server_tool_use':
    case 'mcp_tool_use':
      told.call({ id: text(part['id']), name: text(part['name']), input: part['input'] });
      return true;
    default:
      return readAnswer(told, part);
  }
};

const readUserPart: ReadPart = (told, part, event) => {
  if (part['type'] === 'text') {
    told.say({ kind: 'message', from: 'user', text: text(part['text']) });
    return true;
  }
  return readAnswer(told, part, event['tool_use_result']);
};

/** The results of the service's own tools have types of their own: web_search_tool_result and the like. */
function readAnswer(told: Told, part: Event, detail?: unknown): boolean {
  if (!text(part['type']).endsWith('tool_result')) return false;
  const patch = patchOf(detail);
  const result: ToolResult = {
    text: resultText(part['content']),
    isError: part['is_error'] === true,
    ...(patch && { patch }),
  };
  return told.answer(text(part['tool_use_id']), result);
}

function patchOf(detail: unknown): Hunk[] | undefined {
  const hunks = list(member(detail, 'structuredPatch')).flatMap((hunk): Hunk[] => {
    const { oldStart, newStart, lines } = object(hunk);
    const texts = list(lines).filter((line) => typeof line === 'string');
    const [old, fresh] = [number(oldStart), number(newStart)];
    return old === undefined || fresh === undefined || texts.length === 0
      ? []
      : [{ oldStart: old, newStart: fresh, lines: texts }];
  });
  return hunks.length > 0 ? hunks : undefined;
}

function readSystem(told: Told, event: Event): boolean {
  switch (event['subtype']) {
    case 'init':
      told.say({
        kind: 'session',
        agent: claudeCode.name,
        facts: facts(
          ['Model', text(event['model'])],
          ['Version', text(event['claude_code_version'])],
          ['Directory', text(event['cwd'])],
          ['Permissions', text(event['permissionMode'])],
          ['Can use', size(event['tools'], 'tool')],
          ['Session', text(event['session_id'])],
        ),
      });
      return true;
    case 'compact_boundary': {
      const before = number(member(event, 'compact_metadata', 'pre_tokens'));
      const figure = before === undefined ? '' : ` It had ${before.toLocaleString('en')} tokens.`;
      told.say({ kind: 'notice', isError: false, text: `The conversation was compacted.${figure}` });
      return true;
    }
    default:
      return false;
  }
}

function readResult(told: Told, event: Event, lastText: string): boolean {
  const usage = object(event['usage']);
  const said = [text(event['result']), ...list(event['errors']).map(text)].filter((each) => each !== '').join('\n');
  const denied = list(event['permission_denials']);
  told.say({
    kind: 'end',
    isError: event['is_error'] === true || event['subtype'] !== 'success',
    text: said.trim() === lastText.trim() ? '' : said,
    facts: facts(
      ['Ended', text(event['subtype']) === 'success' ? undefined : text(event['subtype']).replaceAll('_', ' ')],
      ['Cost', money(event['total_cost_usd'])],
      ['Took', took(event['duration_ms'])],
      ['Turns', turns(event['num_turns'])],
      [
        'Tokens',
        tokens(
          [usage['input_tokens'], usage['cache_creation_input_tokens'], usage['cache_read_input_tokens']],
          [usage['output_tokens']],
        ),
      ],
      ['Not permitted', denied.map((each) => text(member(each, 'tool_name')) || toJson(each)).join(', ')],
    ),
  });
  return true;
}

const textOf = (event: Event): string =>
  partsOf(member(event, 'message', 'content'))
    .map((part) => (member(part, 'type') === 'text' ? text(member(part, 'text')) : ''))
    .join('');
