import { describe, expect, test } from '@jest/globals';
import { outputMask, type MaskSources } from './configured.js';

const OWN = 'hvk_0123456789abcdef';
const ENV = { DB_PASSWORD: 'correct-horse', SHORT: 'abc', EMPTY: '' };

async function masked(
  sources: Partial<MaskSources>,
  text: string,
): Promise<{ text: string | undefined; said: string[] }> {
  const said: string[] = [];
  const mask = await outputMask({
    own: [],
    names: [],
    secrets: false,
    configured: undefined,
    env: ENV,
    warn: (sentence) => said.push(sentence),
    ...sources,
  });
  return { text: mask?.text(text), said };
}

describe('what a run masks', () => {
  test('is nothing without a credential and a setting', async () => {
    expect(await masked({}, 'correct-horse')).toEqual({ text: undefined, said: [] });
    expect(await masked({ configured: { variables: [], patterns: {}, secrets: false } }, 'a')).toEqual({
      text: undefined,
      said: [],
    });
  });

  test("is always the node's own credential", async () => {
    expect(await masked({ own: [OWN] }, `key=${OWN}`)).toEqual({ text: 'key=[masked:NODE_API_KEY]', said: [] });
  });

  test('is the value of a variable that the command line names, and it says where there is none', async () => {
    const names = ['DB_PASSWORD', 'SHORT', 'EMPTY', 'MISSING'];
    expect(await masked({ names }, 'p correct-horse abc')).toEqual({
      text: 'p [masked:DB_PASSWORD] abc',
      said: [
        '--mask SHORT: its value is too short to be masked',
        '--mask EMPTY: that variable is empty, so there is nothing to mask',
        '--mask MISSING: that variable is not set, so there is nothing to mask',
      ],
    });
  });

  test('is what the configuration file lists; variables that are not set are no news', async () => {
    const configured = {
      variables: ['DB_PASSWORD', 'MISSING'],
      patterns: { ticket: 'TCK-[0-9]{4}', city: 'Plzeň' },
      secrets: true,
    };
    const text = `correct-horse TCK-1234 in Plzeň: ghp_${'aB3'.repeat(12)}`;
    expect(await masked({ configured }, text)).toEqual({
      text: '[masked:DB_PASSWORD] [masked:ticket] in [masked:city]: [masked:github]',
      said: [],
    });
  });

  test.each([
    [{ variables: 'A' }, 'mask.variables'],
    [{ patterns: { bad: '(' } }, 'mask.patterns.bad'],
    [{ patterns: ['a'] }, 'mask.patterns'],
    [{ patterns: { bad: 1 } }, 'mask.patterns'],
    [{ secrets: 'yes' }, 'mask.secrets'],
    [{ names: ['A'] }, 'mask.names'],
    [[], 'mask'],
  ])('is not known where the configuration is %j', async (configured, member) => {
    await expect(masked({ configured }, '')).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining(`${member} in the configuration file`),
    });
  });
});
