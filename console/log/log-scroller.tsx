/** The rows on the page. The rows' block is moved under the scroll bar by hand, so that what is read stays where it is. */
import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { OpenLog } from './open-log.js';
import type { Row } from './log-rows.js';
import type { ScreenRows } from './log-screen.js';
import { isDrag, scrollHeight, scrollTop } from './scroll-place.js';

export interface LogScrollerProps {
  log: OpenLog;
  element: RefObject<HTMLDivElement | null>;
  /** Draws the rows, each as one element with data-line or data-gap. */
  draw: (rows: readonly Row[]) => ComponentChildren;
  isWrapped: boolean;
}

/** A hand that moves nothing for so long rests. */
const REST_MS = 150;

export function LogScroller({ log, element, draw, isWrapped }: LogScrollerProps) {
  const height = useRef<HTMLDivElement>(null);
  const block = useRef<HTMLDivElement>(null);
  const [place] = useState(() => new ScrollPlace());
  const isKnown = log.changes.value >= 0; // read, to be drawn again with each change
  const layout = isKnown ? log.layout() : EMPTY;

  useLayoutEffect(() => {
    if (element.current && height.current && block.current) {
      place.attach(element.current, height.current, block.current);
      place.put(log, layout);
    }
  });
  useLayoutEffect(() => {
    log.screen.forget(isWrapped);
    place.forgetWidth();
    log.changed();
  }, [log, isWrapped]);
  useResize(element, block, log, () => {
    log.screen.forget(isWrapped);
    place.forgetWidth();
  });

  return (
    <div
      class={isWrapped ? 'log-scroll log-wrapped' : 'log-scroll'}
      ref={element}
      role="region"
      aria-label="Log"
      tabIndex={0}
      style={{ '--log-digits': String(String(log.rows.last).length) }}
      onScroll={() => place.scrolled(log)}
    >
      <div class="log-height" ref={height}>
        <div class="log-rows" ref={block}>
          {draw(layout.rows)}
        </div>
      </div>
    </div>
  );
}

const EMPTY: ScreenRows = { rows: [], top: 0 };

function useResize(
  element: RefObject<HTMLDivElement | null>,
  block: RefObject<HTMLDivElement | null>,
  log: OpenLog,
  forget: () => void,
): void {
  const newest = useRef(forget);
  newest.current = forget;
  useEffect(() => {
    const scroller = element.current;
    if (!scroller || !block.current) return;
    const folded = new ResizeObserver(() => log.changed()); // something opened in a row
    folded.observe(block.current);
    let width = scroller.clientWidth;
    const resized = new ResizeObserver(() => {
      log.screen.resize(scroller.clientHeight);
      log.screen.rowHeight = parseFloat(getComputedStyle(scroller).getPropertyValue('line-height')) || 20;
      if (width !== scroller.clientWidth) newest.current();
      width = scroller.clientWidth;
      log.changed();
    });
    resized.observe(scroller);
    return () => {
      resized.disconnect();
      folded.disconnect();
    };
  }, [log]);
}

/** Keeps the browser's scroll position and the screen in step. */
class ScrollPlace {
  #scroller!: HTMLElement;
  #height!: HTMLElement;
  #block!: HTMLElement;
  /** Where the bar stood when it was last looked at. */
  #top = 0;
  #moves = -1;
  #isHandMoving = false;
  #width = 0;
  #resting: ReturnType<typeof setTimeout> | undefined;

  attach(scroller: HTMLElement, height: HTMLElement, block: HTMLElement): void {
    this.#scroller = scroller;
    this.#height = height;
    this.#block = block;
  }

  put(log: OpenLog, layout: ScreenRows): void {
    const { screen } = log;
    screen.resize(this.#scroller.clientHeight);
    this.#height.style.height = `${scrollHeight(screen)}px`;
    if (!this.#isHandMoving || log.sticks || this.#moves !== log.moves) this.#putBar(log);
    this.#moves = log.moves;
    this.#putBlock(layout.top);
    this.#measure(log, layout);
  }

  scrolled(log: OpenLog): void {
    const { scrollTop: top, scrollHeight: height, clientHeight } = this.#scroller;
    const delta = top - this.#top;
    if (Math.abs(delta) < 1) return;
    this.#top = top;
    this.#isHandMoving = true;
    if (isDrag(log.screen, delta)) log.scrolledTo(top / Math.max(1, height - clientHeight));
    else log.scrolledBy(delta);
    clearTimeout(this.#resting);
    // at an edge of the bar, there may be more lines than the bar has room for: it must not stop there
    const isAtEdge = top <= 0 || top >= height - clientHeight - 1;
    this.#resting = setTimeout(() => this.#rest(log), isAtEdge ? 0 : REST_MS);
  }

  #rest(log: OpenLog): void {
    this.#isHandMoving = false;
    log.changed();
  }

  #putBar(log: OpenLog): void {
    const wanted = scrollTop(log.screen, this.#height.offsetHeight);
    if (Math.abs(wanted - this.#scroller.scrollTop) >= 1) this.#scroller.scrollTop = wanted;
    this.#top = this.#scroller.scrollTop;
  }

  #putBlock(top: number): void {
    this.#block.style.transform = `translateY(${this.#scroller.scrollTop + top}px)`;
  }

  /** Rows that are not one line high say how high they are; the row at the top edge stays there. */
  #measure(log: OpenLog, { rows }: ScreenRows): void {
    const { screen } = log;
    const elements = [...this.#block.children] as HTMLElement[];
    const heights = elements.map((row) => row.offsetHeight); // all are read before anything is written
    this.#widen();
    let isNew = false;
    for (const [index, element] of elements.entries()) {
      if (element.classList.contains('log-pinned')) continue;
      const key = Number(element.dataset['line'] ?? element.dataset['gap']);
      isNew = screen.measured(key, heights[index] ?? 0) || isNew;
    }
    if (!isNew) return;
    if (log.sticks) screen.toEnd();
    this.#putBlock(screen.topOf(rows));
    log.changed();
  }

  /** The bar below grows with the longest line seen, and does not shrink and grow with each that comes and goes. */
  #widen(): void {
    const width = this.#block.offsetWidth;
    if (width <= this.#width) return;
    this.#width = width;
    this.#height.style.minWidth = `${width}px`;
  }

  /** Lines are wrapped or not, or the window has another width. */
  forgetWidth(): void {
    this.#width = 0;
    this.#height.style.minWidth = '';
  }
}
