/** The use of a tool: what it was asked for, and what came of it. */
import { useMemo } from 'preact/hooks';
import { StateBadge } from '../ui/state-badge.js';
import { visible } from '../ui/visible.js';
import { CutText } from './cut-text.js';
import { DiffView } from './diff-view.js';
import { diffLines, hunkLines, patchLines } from './edit-diff.js';
import { sizeOf } from './json-rows.js';
import type { Tool } from './items.js';
import { ValueTree } from './json-tree.js';
import { LongMessage } from './long-message.js';
import { lookOf, type Todo, type ToolLook } from './tool-look.js';
import './tool-view.css';

export function ToolHead({ tool: { name, input, result } }: { tool: Tool }) {
  const { summary } = lookOf(name, input);
  const state = result === undefined ? 'no result' : result.isError ? 'failed' : 'completed';
  return (
    <>
      <strong class="tool-name">{visible(name || 'a tool')}</strong>
      <code class="item-summary">{visible(summary)}</code>
      <StateBadge state={state} kind="Result" />
    </>
  );
}

export function ToolBody({ tool }: { tool: Tool }) {
  const { result } = tool;
  return (
    <>
      <Asked tool={tool} />
      {result && result.text !== '' && (
        <CutText text={result.text} what={result.isError ? 'the error' : 'the result'} />
      )}
      {result?.text === '' && !result.patch && <p class="tool-note">It gave back nothing.</p>}
      {!result && <p class="tool-note">No result has come yet.</p>}
    </>
  );
}

function Asked({ tool: { name, input, result } }: { tool: Tool }) {
  const look = useMemo(() => lookOf(name, input), [name, input]);
  const { command, edits, todos, patch, prose } = look;
  const diffs = useMemo(() => diffsOf(look, result), [look, result]);
  if (todos) return <Todos todos={todos} />;
  if (edits ?? patch)
    return (
      <>
        {diffs.map((diff, index) => (
          <DiffView key={index} {...diff} />
        ))}
      </>
    );
  if (command !== undefined) return <CutText text={`$ ${command}`} what="the command" maxLines={12} />;
  return (
    <>
      {prose !== undefined && <LongMessage text={prose} />}
      {sizeOf(input) > 0 && prose === undefined && <ValueTree value={input} label="What the tool was given" />}
      {typeof input === 'string' && input !== '' && (
        <CutText text={input} what="what the tool was given" maxLines={12} />
      )}
    </>
  );
}

/** The agent's own diff knows the numbers of lines; without it the edit's two sides are compared. */
function diffsOf({ edits = [], patch, summary }: ToolLook, result: Tool['result']) {
  if (patch !== undefined) return [{ path: summary, lines: patchLines(patch) }];
  const [first] = edits;
  if (first && result?.patch) return [{ path: first.path, lines: hunkLines(result.patch) }];
  return edits.map((edit) => ({ path: edit.path, lines: diffLines(edit) }));
}

const MARKS: Record<Todo['status'], string> = { pending: '☐', in_progress: '◐', completed: '☑', cancelled: '☒' };

function Todos({ todos }: { todos: readonly Todo[] }) {
  return (
    <ul class="tool-todos">
      {todos.map(({ text, status }, index) => (
        <li key={index} class={`tool-todo-${status}`}>
          <span aria-hidden="true">{MARKS[status]}</span>
          <span class="only-heard">{status.replace('_', ' ')}: </span> {visible(text)}
        </li>
      ))}
    </ul>
  );
}
