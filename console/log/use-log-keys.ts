/** The log by keyboard. */
import { useKeys } from '../shell/keys.js';
import { nextTimes } from './log-settings.js';
import type { OpenLog } from './open-log.js';
import type { LineRange } from './permalink.js';
import type { MarkedLines } from './use-marked-lines.js';

export interface LogActions {
  log: OpenLog;
  marking: MarkedLines;
  search: () => void;
  step: (by: 1 | -1) => void;
  /** Ends the search, or takes the mark away. */
  close: () => void;
  copy: (range: LineRange) => void;
  openJson: (seq: number) => void;
  wrap: () => void;
  nextOutput: () => void;
  goTo: () => void;
}

export function useLogKeys({ log, marking, ...act }: LogActions): void {
  const withMarked = (use: (range: LineRange) => void) => () => {
    const { value: marked } = log.marked;
    if (marked) use(marked);
  };
  useKeys('Log', [
    { keys: '/', does: 'search in the log', run: act.search },
    { keys: 'n', does: 'next match', run: () => act.step(1) },
    { keys: 'N', does: 'previous match', run: () => act.step(-1) },
    { keys: 'Escape', does: 'end the search; unmark the lines', run: act.close },
    { keys: 'f', does: 'follow new lines, or stop', run: () => log.follow(!log.isFollowing.peek()) },
    { keys: 'g g', does: 'first line', run: () => log.toStart() },
    { keys: 'G', does: 'last line', run: () => log.toEnd() },
    { keys: ':', does: 'go to a line', run: act.goTo },
    { keys: 'j', does: 'mark the next line', run: () => marking.move(1, false) },
    { keys: 'k', does: 'mark the previous line', run: () => marking.move(-1, false) },
    { keys: 'J', does: 'mark one line more', run: () => marking.move(1, true) },
    { keys: 'K', does: 'mark one line more, upwards', run: () => marking.move(-1, true) },
    { keys: 'c', does: 'copy the marked lines', run: withMarked(act.copy) },
    {
      keys: 'o',
      does: 'open the marked line as JSON, or close it',
      run: withMarked(({ first }) => act.openJson(first)),
    },
    { keys: 'w', does: 'wrap long lines, or not', run: act.wrap },
    { keys: 't', does: 'time stamps: absolute, since the start, since the previous line, none', run: nextTimes },
    { keys: 's', does: 'all output, stdout only, stderr only', run: act.nextOutput },
  ]);
}
