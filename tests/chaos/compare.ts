/** How two lists of lines differ: which lines were lost, came twice, or are in the wrong place. */

export interface Difference {
  lost: number;
  doubled: number;
  outOfOrder: number;
}

export function difference(expected: readonly string[], actual: readonly string[]): Difference {
  const places = new Map<string, number[]>();
  expected.forEach((line, place) => {
    const known = places.get(line);
    if (known) known.push(place);
    else places.set(line, [place]);
  });
  for (const known of places.values()) known.reverse();
  let [doubled, outOfOrder, matched, last] = [0, 0, 0, -1];
  for (const line of actual) {
    const place = places.get(line)?.pop();
    if (place === undefined) {
      doubled++; // or never printed at all, which is just as bad
      continue;
    }
    matched++;
    if (place < last) outOfOrder++;
    last = Math.max(last, place);
  }
  return { lost: expected.length - matched, doubled, outOfOrder };
}

export function isSame({ lost, doubled, outOfOrder }: Difference): boolean {
  return lost + doubled + outOfOrder === 0;
}
