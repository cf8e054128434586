// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from 'vitest';
import { Log } from '../../demo/log';

let list: HTMLElement;
let log: Log;

const texts = () => [...list.querySelectorAll('.bubble')].map((bubble) => bubble.textContent);
const message = (n: number, id = `m${n}`) => ({ id, sender_id: 'bob', plaintext: `text ${n}`, sequence_number: n });

beforeEach(() => {
  list = document.createElement('div');
  log = new Log(list, 'Ann');
});

describe('the conversation on screen', () => {
  it('keeps what waits behind what has a number, and gives it its number', () => {
    log.addWaiting('own', 'mine');
    log.add(message(1), false);
    expect(texts()).toEqual(['text 1', 'mine']);
    log.add({ ...message(2, 'own'), plaintext: 'mine' }, true);
    log.add(message(3), false);
    expect(texts()).toEqual(['text 1', 'mine', 'text 3']);
  });

  it('shows what comes also when more waits than there is room for', () => {
    for (let i = 0; i < 250; i++) log.addWaiting(`w${i}`, `waiting ${i}`);
    expect(texts()).toHaveLength(200);
    log.event('back', 'Back');
    for (let i = 0; i < 250; i++) log.add({ ...message(i + 1, `w${i}`), plaintext: `sent ${i}` }, true);
    log.add(message(251), false);
    expect(texts()).toEqual([...Array.from({ length: 199 }, (_, i) => `sent ${i + 51}`), 'text 251']);
  });
});
