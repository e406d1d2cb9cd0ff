/** One item of a conversation. It is drawn again only if it has changed: scrolling moves the others. */
import { Component, type ComponentChildren } from 'preact';
import { Caught } from '../ui/caught.js';
import { countOf } from '../ui/format-count.js';
import { visible } from '../ui/visible.js';
import { formatMoment } from '../ui/format-time.js';
import { toJson } from './json-line.js';
import { CutText } from './cut-text.js';
import type { Content, Fact, Item, LineRange } from './items.js';
import { JsonTree } from './json-tree.js';
import { Markdown } from './markdown.js';
import { LongMessage } from './long-message.js';
import { ToolBody, ToolHead } from './tool-view.js';
import { lookOf } from './tool-look.js';
import './item-view.css';

export interface ItemViewProps {
  item: Item;
  isOpen: boolean;
  toggle: () => void;
  /** Of its lines in the log. */
  address: string;
  showLines: (lines: LineRange) => void;
}

/** What is folded at first: thoughts, events nobody knows, and what tools did, unless it changed something or failed. */
export function isOpenAtFirst({ content }: Item): boolean {
  switch (content.kind) {
    case 'thinking':
    case 'raw':
      return false;
    case 'tool': {
      const { edits, todos, patch } = lookOf(content.name, content.input);
      return edits !== undefined || todos !== undefined || patch !== undefined || content.result?.isError === true;
    }
    case 'session':
    case 'message':
    case 'end':
    case 'notice':
    case 'output':
    case 'pieces':
      return true;
  }
}

export class ItemView extends Component<ItemViewProps> {
  override shouldComponentUpdate({ item, isOpen, address }: ItemViewProps): boolean {
    return item !== this.props.item || isOpen !== this.props.isOpen || address !== this.props.address;
  }

  override render({ item, isOpen, toggle, address, showLines }: ItemViewProps) {
    const { content, lines, at, isInner } = item;
    const head = headOf(content);
    const isFoldable = content.kind === 'thinking' || content.kind === 'raw' || content.kind === 'tool';
    return (
      <>
        <div class={`item-head item-${content.kind}`}>
          {isInner && <span class="item-inner">subagent</span>}
          {isFoldable ? (
            <button type="button" class="item-fold" aria-expanded={isOpen} onClick={toggle}>
              <span class="item-mark" aria-hidden="true">
                {isOpen ? '▾' : '▸'}
              </span>
              {head}
            </button>
          ) : (
            <span class="item-who">{head}</span>
          )}
          <a
            class="item-lines"
            href={address}
            title={at === '' ? 'Show these lines' : `${formatMoment(Date.parse(at))}: show these lines (l)`}
            onClick={(event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey) return;
              event.preventDefault();
              event.stopPropagation();
              showLines(lines);
            }}
          >
            {lines.first === lines.last ? `L${lines.first}` : `L${lines.first}–${lines.last}`}
          </a>
        </div>
        {isOpen && (
          <div class="item-body">
            <Caught otherwise={() => <CutText text={plainOf(content)} what="the item as it is" />}>
              <Body content={content} />
            </Caught>
          </div>
        )}
      </>
    );
  }
}

function headOf(content: Content): ComponentChildren {
  switch (content.kind) {
    case 'session':
      return `${content.agent} begins`;
    case 'message':
      return content.from === 'user' ? 'User' : 'Agent';
    case 'thinking':
      return (
        <>
          Thinking{' '}
          <span class="item-summary">{visible(content.text.trimStart().slice(0, 160).replace(/\s+/g, ' '))}</span>
        </>
      );
    case 'tool':
      return <ToolHead tool={content} />;
    case 'end':
      return <strong>{content.isError ? 'Ended with an error' : 'Ended'}</strong>;
    case 'notice':
      return content.isError ? 'Error' : 'Notice';
    case 'output':
      return `${countOf(content.lines.length, 'line')} of ${visible(content.stream)}`;
    case 'raw':
      return (
        <>
          Event <code>{visible(content.type || 'without a type')}</code>
        </>
      );
    case 'pieces':
      return (
        <>
          {countOf(content.count, 'event')} <code>{visible(content.type)}</code>
        </>
      );
  }
}

/** If drawing it fails. */
const plainOf = (content: Content): string => ('text' in content ? content.text : toJson(content, 2));

/** A component, because only those are caught. */
function Body({ content }: { content: Content }): ComponentChildren {
  switch (content.kind) {
    case 'session':
      return <Facts facts={content.facts} />;
    case 'message':
      return <LongMessage text={content.text} />;
    case 'thinking':
      return <LongMessage text={content.text} />;
    case 'tool':
      return <ToolBody tool={content} />;
    case 'end':
      return (
        <>
          <Facts facts={content.facts} />
          {content.text !== '' &&
            (content.isError ? <CutText text={content.text} what="the error" /> : <Markdown text={content.text} />)}
        </>
      );
    case 'notice':
      return <CutText text={content.text} what="the notice" maxLines={8} />;
    case 'output':
      return <CutText text={content.lines.join('\n')} what="the output" maxLines={12} />;
    case 'raw':
      return <JsonTree text={content.json} label="The event" />;
    case 'pieces':
      return null;
  }
}

function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl class="item-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{visible(name)}</dt>
          <dd>{visible(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
