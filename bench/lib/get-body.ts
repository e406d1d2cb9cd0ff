import { get, type Agent } from 'node:http';

/** The body of an answer, over connections that are kept. @throws Error where the answer is not a 200 */
export function getBody(agent: Agent, url: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`${url}: ${text}`))));
    }).on('error', reject);
  });
}
