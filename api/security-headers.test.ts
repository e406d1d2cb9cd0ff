import express from 'express';
import { expect, test } from '@jest/globals';
import request from 'supertest';
import { securityHeaders } from './security-headers.js';

async function headersOf(hstsSeconds: number): Promise<Record<string, string>> {
  const app = express().use(securityHeaders(hstsSeconds), (_request, response) => response.end());
  return (await request(app).get('/')).headers;
}

test('a browser that came over plain HTTP is not sent to https', async () => {
  const headers = await headersOf(0);
  expect(headers['content-security-policy']).toContain("default-src 'self'");
  expect(headers['content-security-policy']).not.toContain('upgrade-insecure-requests');
  expect(headers).not.toHaveProperty('strict-transport-security');
});

test('Strict-Transport-Security is sent where it was asked for, for this host alone', async () => {
  expect((await headersOf(3600))['strict-transport-security']).toBe('max-age=3600');
});
