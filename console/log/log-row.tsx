/** One row of the log. It is drawn again only if something of it changed: there are dozens, and frames are short. */
import { Component } from 'preact';
import { looksLikeJson } from '../conversation/json-line.js';
import { formatCount } from '../ui/format-count.js';
import { visible } from '../ui/visible.js';
import { inkOf } from './ansi/ink.js';
import type { Style } from './ansi/style.js';
import { terminalLine } from './ansi/terminal-line.js';
import { toStringRanges, type ByteRange } from './byte-ranges.js';
import type { Line } from './line.js';
import { piecesOf, type Piece } from './line-pieces.js';
import { withLinks, type Link } from './links.js';
import { OpenedJson } from './opened-json.js';

export interface LogRowProps {
  line: Line;
  /** The style that lines before it left. */
  entry: Style;
  /** As it is shown; empty if times are off. */
  time: string;
  isMarked: boolean;
  /** It goes on where the line before stopped. */
  isContinued: boolean;
  isOpened: boolean;
  /** It is all shown, however long. */
  isWhole: boolean;
  matches: readonly ByteRange[] | undefined;
  isCurrentMatch: boolean;
  /** Kept for a selection, out of sight. */
  isPinned: boolean;
  address: string;
}

/** A line can have 1 MiB, which would take a browser seconds to lay out. What is beyond is one click away. */
const SHOWN_CHARACTERS = 4000;

export class LogRow extends Component<LogRowProps> {
  override shouldComponentUpdate(next: LogRowProps): boolean {
    return (Object.keys(next) as (keyof LogRowProps)[]).some((name) => next[name] !== this.props[name]);
  }

  override render() {
    const { line, time, address, ...look } = this.props;
    const { seq, type, at, content } = line;
    const { isMarked, isContinued, isOpened } = look;
    const { pieces, hidden } = shownPieces(line, look);
    return (
      <div
        class={classOf(this.props, hidden > 0)}
        data-line={seq}
        data-stream={type}
        aria-current={isMarked ? 'true' : undefined}
      >
        <div class="log-gutter">
          <a class="log-number" href={address} tabIndex={-1} title={`Line ${seq}, ${at}`}>
            {isContinued && <span title="continues the previous line">↳</span>}
            {seq}
          </a>
          <span class="log-stream" title={type}>
            {MARKS[type]}
          </span>
          {time !== '' && (
            <time class="log-time" dateTime={at} title={at}>
              {time}
            </time>
          )}
        </div>
        {looksLikeJson(content) && (
          <button
            class="log-open"
            type="button"
            aria-expanded={isOpened}
            aria-label={`JSON of line ${seq}`}
            tabIndex={-1}
          >
            {'{}'}
          </button>
        )}
        <span class="log-text">
          {withLinks(pieces, hidden > 0).map((one) => ('href' in one ? shownLink(one) : shownPiece(one)))}
        </span>
        {hidden > 0 && (
          <button class="log-more" type="button" tabIndex={-1}>
            {`… ${formatCount(hidden)} more characters`}
          </button>
        )}
        {isOpened && <OpenedJson seq={seq} content={content} />}
      </div>
    );
  }
}

/** Classes, and not `:has()`, which browsers check with each row that comes and goes. */
function classOf({ isPinned, isCurrentMatch, isOpened }: LogRowProps, isCut: boolean): string {
  const classes = { 'log-pinned': isPinned, 'log-current': isCurrentMatch, 'log-opened': isOpened, 'log-cut': isCut };
  const shown = Object.entries(classes).flatMap(([name, is]) => (is ? [name] : []));
  return ['log-row', ...shown].join(' ');
}

/** Letters, because colour alone tells not everybody. */
const MARKS = { stdout: '', stderr: 'e', system: 's' } as const;

function shownPiece({ text, style, isMatch }: Piece) {
  const ink = inkOf(style);
  const shown = visible(text);
  const styled =
    ink.class === '' && !ink.style ? shown : <span {...{ class: ink.class, style: ink.style }}>{shown}</span>;
  return isMatch ? <mark class="log-match">{styled}</mark> : styled;
}

/** Whoever drags over it selects its text. It is read as it leads: its address has no character that is hidden. */
const shownLink = ({ href, pieces }: Link) => (
  <a
    class="log-link"
    href={href}
    target="_blank"
    rel="noopener noreferrer nofollow"
    draggable={false}
    tabIndex={-1}
    onClick={(event) => {
      if (getSelection()?.type === 'Range') event.preventDefault();
    }}
  >
    {pieces.map(shownPiece)}
  </a>
);

function shownPieces(
  { content }: Line,
  { entry, matches, isWhole }: Pick<LogRowProps, 'entry' | 'matches' | 'isWhole'>,
): { pieces: Piece[]; hidden: number } {
  const { runs } = terminalLine(content, entry);
  const pieces = piecesOf(content, runs, matches ? toStringRanges(content, matches) : []);
  const characters = pieces.reduce((sum, { text }) => sum + text.length, 0);
  if (isWhole || characters <= SHOWN_CHARACTERS) return { pieces, hidden: 0 };
  const shown: Piece[] = [];
  let left = SHOWN_CHARACTERS;
  for (const piece of pieces) {
    if (left <= 0) break;
    shown.push({ ...piece, text: piece.text.slice(0, left) });
    left -= piece.text.length;
  }
  return { pieces: shown, hidden: characters - SHOWN_CHARACTERS };
}
