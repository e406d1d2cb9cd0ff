/**
 * The markdown of messages: `marked` finds its parts, and they become elements here. HTML in it is shown as text, pictures
 * as links, and an address that is not http or https as text. Nothing a message holds becomes markup.
 */
import { lexer, type MarkedToken, type Token, type Tokens } from 'marked';
import type { ComponentChildren, JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { visible, visibleLines } from '../ui/visible.js';
import './markdown.css';

/** A longer text is shown as it is: what it holds could keep the parser busy for long. */
export const MAX_MARKDOWN = 6000;
/** What is nested deeper is drawn by functions that call each other, until the browser gives up. Nobody writes it. */
const MAX_DEPTH = 50;

export function Markdown({ text }: { text: string }) {
  const tokens = useMemo(() => tokensOf(text), [text]);
  if (!tokens) return <div class="markdown markdown-plain">{visibleLines(text)}</div>;
  return <div class="markdown">{blocks(tokens)}</div>;
}

/** @returns undefined if it is shown as it is */
export function tokensOf(text: string): Token[] | undefined {
  if (text.length > MAX_MARKDOWN) return undefined;
  try {
    const tokens = lexer(text, { gfm: true });
    return tokens.every((token) => isFlat(token as Nested, MAX_DEPTH)) ? tokens : undefined;
  } catch {
    return undefined; // nested too deeply for the parser
  }
}

/** All that tokens have in them, whatever they are. */
interface Nested {
  tokens?: Nested[];
  items?: Nested[];
  header?: Nested[];
  rows?: Nested[][];
}

function isFlat({ tokens = [], items = [], header = [], rows = [] }: Nested, depth: number): boolean {
  return depth > 0 && [...tokens, ...items, ...header, ...rows.flat()].every((inner) => isFlat(inner, depth - 1));
}

// no extension adds tokens to those of marked itself
const blocks = (tokens: readonly Token[] = []): ComponentChildren =>
  tokens.map((token, index) => <Block key={index} token={token as MarkedToken} />);

const inline = (tokens: readonly Token[] = []): ComponentChildren =>
  tokens.map((token, index) => <Inline key={index} token={token as MarkedToken} />);

function Block({ token }: { token: MarkedToken }): JSX.Element | null {
  switch (token.type) {
    case 'heading':
      // a message must not have the page's own headings
      return <p class="markdown-heading">{inline(token.tokens)}</p>;
    case 'paragraph':
      return <p>{inline(token.tokens)}</p>;
    case 'code':
      return (
        <pre tabIndex={0} aria-label={token.lang ? `Code: ${visible(token.lang)}` : 'Code'}>
          <code>{visibleLines(token.text)}</code>
        </pre>
      );
    case 'blockquote':
      return <blockquote>{blocks(token.tokens)}</blockquote>;
    case 'list':
      return <List token={token} />;
    case 'table':
      return <Table token={token} />;
    case 'hr':
      return <hr />;
    case 'space':
    case 'def':
      return null;
    case 'text':
      return <>{token.tokens ? inline(token.tokens) : visibleLines(token.text)}</>;
    case 'br':
    case 'checkbox':
    case 'codespan':
    case 'del':
    case 'em':
    case 'escape':
    case 'html':
    case 'image':
    case 'link':
    case 'list_item':
    case 'strong':
      return <p>{visibleLines(token.raw)}</p>;
  }
}

function List({ token: { ordered, start, items } }: { token: Tokens.List }) {
  const all = items.map((item, index) => (
    <li key={index}>
      {item.task && <span aria-label={item.checked ? 'done' : 'to do'}>{item.checked ? '☑ ' : '☐ '}</span>}
      {blocks(item.tokens.filter(({ type }) => type !== 'checkbox'))}
    </li>
  ));
  return ordered ? <ol start={Number(start) || 1}>{all}</ol> : <ul>{all}</ul>;
}

function Table({ token: { header, rows } }: { token: Tokens.Table }) {
  return (
    <div class="markdown-table" tabIndex={0} role="group" aria-label="Table">
      <table>
        <thead>
          <tr>
            {header.map((cell, index) => (
              <th key={index}>{inline(cell.tokens)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column}>{inline(cell.tokens)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Inline({ token }: { token: MarkedToken }): JSX.Element {
  switch (token.type) {
    case 'strong':
      return <strong>{inline(token.tokens)}</strong>;
    case 'em':
      return <em>{inline(token.tokens)}</em>;
    case 'del':
      return <del>{inline(token.tokens)}</del>;
    case 'codespan':
      return <code>{visible(token.text)}</code>;
    case 'br':
      return <br />;
    case 'link':
      return <Link href={token.href}>{inline(token.tokens)}</Link>;
    case 'image':
      return <Link href={token.href}>{visible(token.text || 'picture')}</Link>;
    case 'text':
    case 'escape':
      return <>{'tokens' in token && token.tokens ? inline(token.tokens) : visibleLines(token.text)}</>;
    case 'blockquote':
    case 'checkbox':
    case 'code':
    case 'def':
    case 'heading':
    case 'hr':
    case 'html':
    case 'list':
    case 'list_item':
    case 'paragraph':
    case 'space':
    case 'table':
      return <>{visibleLines(token.raw)}</>;
  }
}

function Link({ href, children }: { href: string; children: ComponentChildren }) {
  if (!/^https?:\/\//i.test(href)) {
    return (
      <>
        {children} ({visible(href)})
      </>
    );
  }
  return (
    <a href={href} rel="noopener noreferrer nofollow" target="_blank" title={visible(href)}>
      {children}
    </a>
  );
}
