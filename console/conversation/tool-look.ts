/**
 * What the call of a tool does, in the terms that agents share: a command, an edit, a list of things to do. By the names
 * of what it is given, because those differ less from agent to agent than the names of the tools.
 */
import { isObject, list, member, text } from './event.js';

export interface Edit {
  path: string;
  before: string;
  after: string;
}

export interface Todo {
  text: string;
  status: 'pending' | 'in_progress' | 'completed' | 'cancelled';
}

export interface ToolLook {
  /** In one line beside the tool's name. */
  summary: string;
  command?: string;
  edits?: Edit[];
  todos?: Todo[];
  /** A diff that the agent wrote by itself. */
  patch?: string;
  /** A longer text for people: a plan, the task of a subagent. */
  prose?: string;
}

/** An edit names its two sides. */
const BEFORE = ['old_string', 'oldString', 'old_str', 'oldText'];
const AFTER = ['new_string', 'newString', 'new_str', 'newText'];
const PATH = [
  'file_path',
  'filePath',
  'path',
  'absolute_path',
  'notebook_path',
  'relative_workspace_path',
  'target_file',
];
const WRITTEN = ['content', 'contents', 'new_source', 'file_text', 'fileText'];
const PATCH = ['patch', 'patchText', 'diff', 'unified_diff'];
const PROSE = ['plan', 'prompt', 'task'];
/** What tells most about a call of which nothing else is known. */
const TELLING = ['description', 'query', 'pattern', 'url', 'subject', 'skill', 'name'];

export function lookOf(name: string, input: unknown): ToolLook {
  if (typeof input === 'string') return { summary: firstLine(input) };
  if (!isObject(input)) return { summary: '' };
  const path = first(input, PATH);
  const command = commandOf(input);
  if (command !== undefined) return { summary: firstLine(command), command };
  const todos = todosOf(input);
  if (todos)
    return { summary: `${todos.filter(({ status }) => status === 'completed').length} of ${todos.length} done`, todos };
  const edits = editsOf(name, input, path);
  if (edits.length > 0) return { summary: path, edits };
  const changes = changesOf(input);
  if (changes !== '') return { summary: changes };
  const patch = first(input, PATCH);
  if (patch !== '') return { summary: path, patch };
  const telling = first(input, TELLING);
  const prose = first(input, PROSE);
  const summary = [path, firstLine(telling)].filter((part) => part !== '').join(' · ') || firstLine(prose);
  return { summary, ...(prose !== '' && { prose }) };
}

function first(input: unknown, names: readonly string[]): string {
  for (const name of names) {
    const value = text(member(input, name));
    if (value !== '') return value;
  }
  return '';
}

/** @returns whether one of the names is there, if only with an empty text */
const has = (input: unknown, names: readonly string[]): boolean =>
  names.some((name) => typeof member(input, name) === 'string');

function commandOf(input: unknown): string | undefined {
  const command = member(input, 'command') ?? member(input, 'cmd');
  if (typeof command === 'string' && command !== '') return has(input, PATH) ? undefined : command;
  const words = list(command);
  return words.length > 0 && words.every((word) => typeof word === 'string') ? words.join(' ') : undefined;
}

function editsOf(name: string, input: unknown, path: string): Edit[] {
  const all = [input, ...list(member(input, 'edits'))];
  const edits = all
    .filter((edit) => has(edit, BEFORE) && has(edit, AFTER))
    .map((edit) => ({ path: first(edit, PATH) || path, before: first(edit, BEFORE), after: first(edit, AFTER) }));
  if (edits.length > 0) return edits;
  const isWrite = path !== '' && has(input, WRITTEN) && !/read|search|grep|list/i.test(name);
  return isWrite ? [{ path, before: '', after: first(input, WRITTEN) }] : [];
}

const STATUSES: Readonly<Record<string, Todo['status'] | undefined>> = {
  pending: 'pending',
  in_progress: 'in_progress',
  completed: 'completed',
  cancelled: 'cancelled',
};

/** @returns undefined if it is no list of things to do */
function todosOf(input: unknown): Todo[] | undefined {
  const given = list(member(input, 'todos'));
  const todos = given.flatMap((todo): Todo[] => {
    const what = first(todo, ['content', 'text', 'description', 'title']);
    const isDone = member(todo, 'completed') === true;
    const status = STATUSES[text(member(todo, 'status'))] ?? (isDone ? 'completed' : 'pending');
    return what === '' ? [] : [{ text: what, status }];
  });
  return todos.length > 0 && todos.length === given.length ? todos : undefined;
}

/** @returns the files that were changed, as Codex tells them: `add src/a.ts, update src/b.ts` */
function changesOf(input: unknown): string {
  return list(member(input, 'changes'))
    .map((change) => `${text(member(change, 'kind'))} ${first(change, PATH)}`.trim())
    .filter((change) => change !== '')
    .join(', ');
}

const MAX_SUMMARY = 200;

function firstLine(value: string): string {
  const line = value.trimStart().split(/\r?\n/, 1)[0] ?? '';
  return line.length > MAX_SUMMARY ? `${line.slice(0, MAX_SUMMARY)}…` : line;
}
