/**
 * Where items of different heights stand in a list of which only a part is drawn. Heights are guessed until an item has
 * been measured. Sums are kept in a Fenwick tree: finding a place and changing a height take logarithmic time.
 */
export class HeightIndex {
  #heights: number[] = [];
  /** `#tree[i - 1]` is the sum of the `i & -i` heights that end with item `i - 1`. */
  #tree: number[] = [];

  get length(): number {
    return this.#heights.length;
  }

  get total(): number {
    return this.offsetOf(this.length);
  }

  push(height: number): void {
    const index = this.#heights.push(height);
    const covered = index & -index;
    let sum = height;
    for (let step = 1; step < covered; step *= 2) sum += this.#tree[index - step - 1] ?? 0;
    this.#tree.push(sum);
  }

  heightOf(item: number): number {
    return this.#heights[item] ?? 0;
  }

  /** @returns whether that changed anything */
  set(item: number, height: number): boolean {
    const change = height - (this.#heights[item] ?? height);
    if (change === 0) return false;
    this.#heights[item] = height;
    for (let index = item + 1; index <= this.#tree.length; index += index & -index) {
      this.#tree[index - 1] = (this.#tree[index - 1] ?? 0) + change;
    }
    return true;
  }

  /** @returns where the item begins */
  offsetOf(item: number): number {
    let sum = 0;
    for (let index = Math.min(item, this.#tree.length); index > 0; index -= index & -index)
      sum += this.#tree[index - 1] ?? 0;
    return sum;
  }

  /** @returns the item at this offset; the last one for what is beyond the end */
  itemAt(offset: number): number {
    let item = 0;
    let rest = offset;
    let step = 1;
    while (step * 2 <= this.#tree.length) step *= 2;
    for (; step > 0; step = step >> 1) {
      const sum = this.#tree[item + step - 1];
      if (item + step > this.#tree.length || sum === undefined || sum > rest) continue;
      item += step;
      rest -= sum;
    }
    return Math.min(item, Math.max(0, this.length - 1));
  }
}
