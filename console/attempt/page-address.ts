/** What of the page is in its address: which execution is shown, and whether as a conversation. Lines are the log's. */
import { formatLines, type LineRange } from '../log/permalink.js';

export interface PageAddress {
  executionId: string | undefined;
  view: 'log' | 'conversation';
}

export function readAddress(search: string): PageAddress {
  const query = new URLSearchParams(search);
  return {
    executionId: query.get('execution') ?? undefined,
    view: query.get('view') === 'conversation' ? 'conversation' : 'log',
  };
}

/** Changes the address without a step in the browser's history: Back leaves the page. */
export function writeAddress(executionId: string, view: PageAddress['view']): void {
  history.replaceState(history.state, '', pageAddress(location.href, executionId, view));
}

/** @param lines marked in the log */
export function pageAddress(page: string, executionId: string, view: PageAddress['view'], lines?: LineRange): string {
  const { pathname, search } = new URL(page);
  const query = new URLSearchParams(search);
  query.set('execution', executionId);
  if (view === 'conversation') query.set('view', view);
  else query.delete('view');
  return `${pathname}?${query.toString()}${lines ? formatLines(lines) : ''}`;
}
