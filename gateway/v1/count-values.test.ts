import { expect, test } from '@jest/globals';
import { countValues } from './count-values.js';

test.each([
  ['{}', 1],
  ['[1,2,3]', 3],
  ['[{},{"a":[]}]', 5],
  ['{"a":",[{","b\\"":"\\\\","\\\\\\"{":1}', 3],
  ['"no end,[{', 0],
  ['"\\', 0],
])('counts what costs something, but nothing in strings: %s', (json, values) => {
  expect(countValues(Buffer.from(json))).toBe(values);
});
