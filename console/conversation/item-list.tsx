/** The items near what is seen, in a list that scrolls as if all of them were there. */
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { isOpenAtFirst, ItemView } from './item-view.js';
import { ItemWindow } from './item-window.js';
import type { Item, LineRange } from './items.js';

/** What the keys do. */
export interface ItemListHandle {
  move(by: number): void;
  toggle(): void;
  showLines(): void;
  toStart(): void;
  toEnd(): void;
}

export interface ItemListProps {
  handle: { current: ItemListHandle | null };
  items: readonly Item[];
  /** No further items will come. */
  isWhole: boolean;
  isFollowing: boolean;
  setFollowing: (isFollowing: boolean) => void;
  linkTo: (lines: LineRange) => string;
  showLines: (lines: LineRange) => void;
}

const GUESSES: Partial<Record<Item['content']['kind'], number>> = { message: 96, output: 64, session: 90, end: 90 };
const USUAL_GUESS = 44;

export function ItemList(props: ItemListProps) {
  const { handle, items, isWhole, isFollowing, setFollowing, linkTo, showLines } = props;
  const place = useMemo(() => new ItemWindow(), []);
  const scroller = useRef<HTMLDivElement>(null);
  const drawnElements = useRef(new Map<number, HTMLElement>());
  const refs = useRef(new Map<number, (element: HTMLElement | null) => void>());
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const toFocus = useRef<number | undefined>(undefined);
  const [current, setCurrent] = useState<number | undefined>(undefined);
  const [toggled, setToggled] = useState<ReadonlySet<number>>(new Set());

  place.grow(items.length, (id) => GUESSES[items[id]?.content.kind ?? 'raw'] ?? USUAL_GUESS);
  if (place.isFollowing && !isFollowing) place.scrolledTo(place.top); // it stays where it was
  place.isFollowing = isFollowing;

  const measure = () => {
    let isChanged = false;
    for (const [id, element] of drawnElements.current)
      isChanged = place.measured(id, element.offsetHeight) || isChanged;
    if (scroller.current && scroller.current.clientHeight !== place.viewport) {
      place.resize(scroller.current.clientHeight);
      isChanged = true;
    }
    if (isChanged) redraw(undefined);
  };
  const sizes = useMemo(() => new ResizeObserver(() => measure()), []);
  useEffect(() => () => sizes.disconnect(), [sizes]);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    measure();
    const { top } = place;
    if (Math.abs(element.scrollTop - top) >= 1) element.scrollTop = top;
    if (toFocus.current !== undefined) drawnElements.current.get(toFocus.current)?.focus({ preventScroll: true });
    toFocus.current = undefined;
  });
  useLayoutEffect(() => {
    if (scroller.current) sizes.observe(scroller.current);
  }, [sizes]);

  /** The same function each time, so that elements that stay are not observed anew. */
  const refOf = (id: number) => {
    const known = refs.current.get(id);
    if (known) return known;
    const ref = (element: HTMLElement | null) => {
      const former = drawnElements.current.get(id);
      if (former) sizes.unobserve(former);
      if (element) {
        drawnElements.current.set(id, element);
        sizes.observe(element);
      } else drawnElements.current.delete(id);
    };
    refs.current.set(id, ref);
    return ref;
  };

  const scrolled = () => {
    const top = scroller.current?.scrollTop ?? 0;
    if (Math.abs(top - place.top) < 2) return; // what was scrolled here
    place.isFollowing = false;
    place.scrolledTo(top);
    setFollowing(!isWhole && place.isAtEnd);
    redraw(undefined);
  };
  const toggle = (id: number) => {
    setFollowing(false); // what is opened must not move away
    const next = new Set(toggled);
    if (!next.delete(id)) next.add(id);
    setToggled(next);
    setCurrent(id);
  };
  const select = (id: number) => {
    setFollowing(false);
    setCurrent(id);
    place.isFollowing = false;
    place.show(id);
    toFocus.current = id; // so that those who hear the page hear it
    redraw(undefined);
  };
  handle.current = {
    move: (by) => {
      const first = place.drawn().find(({ top }) => top >= place.top)?.id ?? 0;
      const next = current === undefined ? first : current + by;
      select(Math.min(Math.max(next, 0), items.length - 1));
    },
    toggle: () => current !== undefined && toggle(current),
    showLines: () => {
      const item = current === undefined ? undefined : items[current];
      if (item) showLines(item.lines);
    },
    toStart: () => select(0),
    toEnd: () => {
      select(items.length - 1);
      setFollowing(!isWhole);
    },
  };
  return (
    <div ref={scroller} class="conversation-scroller" tabIndex={0} role="region" aria-label="Items" onScroll={scrolled}>
      <div class="conversation-items" role="feed" style={{ height: `${place.total}px` }}>
        {place.drawn().map(({ id, top }) => {
          const item = items[id];
          if (!item) return null;
          return (
            <article
              key={id}
              ref={refOf(id)}
              class={`conversation-item${item.isInner ? ' conversation-inner' : ''}`}
              style={{ transform: `translateY(${top}px)` }}
              aria-posinset={id + 1}
              aria-setsize={isWhole ? items.length : -1}
              aria-current={id === current ? 'true' : undefined}
              tabIndex={-1}
              data-item={id}
              onClick={() => id !== current && setCurrent(id)}
            >
              <ItemView
                item={item}
                isOpen={isOpenAtFirst(item) !== toggled.has(id)}
                toggle={() => toggle(id)}
                address={linkTo(item.lines)}
                showLines={showLines}
              />
            </article>
          );
        })}
      </div>
    </div>
  );
}
