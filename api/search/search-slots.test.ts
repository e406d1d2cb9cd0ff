import { expect, test } from '@jest/globals';
import { SearchSlots } from './search-slots.js';

test('an organisation with many credentials leaves searches to the others', async () => {
  const slots = new SearchSlots({ searches: 8, searchesPerCredential: 2 });
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const begin = (id: string, organizationId: string) => slots.use({ id, organizationId }, () => ended);
  const running = ['1', '1', '2', '2', '3', '3'].map((id) => begin(id, 'own'));
  await expect(begin('4', 'own')).rejects.toThrow('this organisation has 6 searches running');
  running.push(begin('5', 'other'), begin('5', 'other'));
  await expect(begin('6', 'third')).rejects.toThrow('this hive has 8 searches running');
  end();
  await Promise.all(running);
  await begin('1', 'own');
});
