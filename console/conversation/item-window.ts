/**
 * Which items of a long list are drawn, and where. What one looks at stays where it is while heights above it become
 * known or items come: the place is kept as an item and how much of it is above the edge. It knows no DOM.
 */
import { HeightIndex } from './height-index.js';

/** Drawn beyond both edges, so that scrolling finds something there. */
const AHEAD_PX = 600;

export interface DrawnItem {
  id: number;
  top: number;
}

export class ItemWindow {
  readonly #heights = new HeightIndex();
  #anchor = { id: 0, within: 0 };
  #viewport = 0;
  /** It stays at the end, whatever comes. */
  isFollowing = false;

  get total(): number {
    return this.#heights.total;
  }

  get viewport(): number {
    return this.#viewport;
  }

  /** Takes in items that are new. */
  grow(count: number, guess: (id: number) => number): void {
    while (this.#heights.length < count) this.#heights.push(guess(this.#heights.length));
  }

  resize(viewport: number): void {
    this.#viewport = viewport;
  }

  /** @returns whether the item has another height than was known */
  measured(id: number, height: number): boolean {
    return this.#heights.set(id, height);
  }

  /** Somebody scrolled. */
  scrolledTo(top: number): void {
    const id = this.#heights.itemAt(top);
    this.#anchor = { id, within: top - this.#heights.offsetOf(id) };
  }

  get isAtEnd(): boolean {
    return this.top + this.#viewport >= this.total - 4;
  }

  /** Where the upper edge is to be. */
  get top(): number {
    const end = Math.max(0, this.total - this.#viewport);
    if (this.isFollowing) return end;
    return Math.min(end, Math.max(0, this.#heights.offsetOf(this.#anchor.id) + this.#anchor.within));
  }

  /** Moves the item to where it is seen, if it is not. */
  show(id: number): void {
    const [from, height] = [this.#heights.offsetOf(id), this.#heights.heightOf(id)];
    const isAbove = from < this.top;
    const isBelow = from + height > this.top + this.#viewport;
    if (isAbove || height > this.#viewport) this.#anchor = { id, within: -8 };
    else if (isBelow) this.scrolledTo(from + height - this.#viewport + 8);
    else return;
    this.isFollowing = false;
  }

  drawn(): DrawnItem[] {
    if (this.#heights.length === 0) return [];
    const first = this.#heights.itemAt(Math.max(0, this.top - AHEAD_PX));
    const drawn: DrawnItem[] = [];
    const end = this.top + this.#viewport + AHEAD_PX;
    let top = this.#heights.offsetOf(first);
    for (let id = first; id < this.#heights.length && top < end; id++) {
      drawn.push({ id, top });
      top += this.#heights.heightOf(id);
    }
    return drawn;
  }
}
