/** How many of the lines that the node declared the hive has stored: figures and a bar. */
import { formatCount } from './format-count.js';
import './line-bar.css';

export interface LineBarProps {
  stored: number;
  declared: number;
}

export function LineBar({ stored, declared }: LineBarProps) {
  const isWhole = stored >= declared;
  const words = isWhole ? wholeWords(declared) : `${formatCount(stored)} of ${formatCount(declared)} lines are stored`;
  const figures = isWhole ? formatCount(stored) : `${formatCount(stored)} of ${formatCount(declared)}`;
  return (
    <span class={`line-bar ${isWhole ? 'line-bar-whole' : ''}`} title={words}>
      <span class="only-heard">{words}</span>
      <span class="line-bar-figures" aria-hidden="true">
        {figures}
      </span>
      <span class="line-bar-track" aria-hidden="true">
        <span class="line-bar-fill" style={{ width: `${percentOf(stored, declared)}%` }} />
      </span>
    </span>
  );
}

function wholeWords(lines: number): string {
  if (lines === 0) return 'no lines';
  return lines === 1 ? 'its line is stored' : `all ${formatCount(lines)} lines are stored`;
}

/** Never full while a line is missing, and never empty while there is one. */
function percentOf(stored: number, declared: number): number {
  if (stored >= declared) return declared === 0 ? 0 : 100;
  return stored === 0 ? 0 : Math.min(97, Math.max(3, (100 * stored) / declared));
}
