/** What the routes that search have in common. */
import { z } from 'zod';
import { MAX_QUERY_LENGTH, QueryError, type SearchQuery } from '../../search/search-query.js';
import { ApiError } from '../problem.js';

/** True or false in the query string. */
export const flag = (description: string) =>
  z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true')
    .meta({ type: 'boolean', default: false, description });

export const queryFields = {
  q: z.string().min(1).max(MAX_QUERY_LENGTH).meta({
    description: 'What is searched for in each line’s content: a text, or with `regex` a regular expression.',
  }),
  regex: flag('`q` is a regular expression in RE2’s syntax, which takes time linear in the line.'),
  ignore_case: flag('Letters match in any case, by Unicode’s simple case folding.'),
};

/** Turns a fault of the query into an answer that names the field. */
export async function withSearchErrors<T>({ regex }: Pick<SearchQuery, 'regex'>, search: () => Promise<T>): Promise<T> {
  try {
    return await search();
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    // the fault is in the pattern, and only what is said to be one can have it
    const field = regex ? 'regex' : 'q';
    const { message } = error;
    throw new ApiError('invalid_request', `${field}: ${message}`, { errors: [{ in: 'query', field, message }] });
  }
}
