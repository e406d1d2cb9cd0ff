/** A state: an icon and a word, never a colour alone. */
import { Icon } from './icon.js';
import { lookOf, wordOf } from './states.js';
import { visible } from './visible.js';
import './state-badge.css';

export interface StateBadgeProps {
  /** As the API says it. Null is shown as `none`. */
  state: string | null;
  /** Not 0: shown after the word. */
  exitCode?: number | null;
  /** More about it, for those who point at it. */
  title?: string | undefined;
  /** Says what kind of state it is to those who hear the page, where several stand side by side. */
  kind?: string;
}

export function StateBadge({ state, exitCode, title, kind }: StateBadgeProps) {
  const { icon, tone } = lookOf(state ?? '');
  return (
    <span class={`state-badge state-badge-${tone}`} title={title === undefined ? undefined : visible(title)}>
      <Icon name={icon} />
      {kind !== undefined && <span class="only-heard">{kind}: </span>}
      <span class="state-badge-word">{state === null ? 'none' : wordOf(state)}</span>
      {typeof exitCode === 'number' && exitCode !== 0 && (
        <span class="state-badge-exit" title={`Exit status ${exitCode}`}>
          <span class="only-heard">exit status </span>
          {exitCode}
        </span>
      )}
    </span>
  );
}
