import { expect, test } from 'vitest';
import { VICTIMS, planKills } from '../../../scripts/chaos.d/plan.js';
import { seeded } from '../../../scripts/chaos.d/random.js';

test('the same seed gives the same kills, another seed others', () => {
  expect(planKills(7, 600)).toEqual(planKills(7, 600));
  expect(planKills(7, 600)).not.toEqual(planKills(8, 600));
});

test('a shorter run has the first kills of a longer one', () => {
  const short = planKills(3, 60);
  expect(short.length).toBeGreaterThan(3);
  expect(planKills(3, 600).slice(0, short.length)).toEqual(short);
});

test('ten minutes meet every victim, in order of time, within the run and with pauses between', () => {
  const kills = planKills(1, 600);
  expect(new Set(kills.map(({ victim }) => victim))).toEqual(new Set(VICTIMS));
  const times = kills.map(({ atMs }) => atMs);
  expect([0, ...times].slice(0, -1).every((at, index) => times[index]! - at >= 1_000)).toBe(true);
  expect(times.at(-1)).toBeLessThan(600_000);
});

test('streams of random numbers of one seed keep apart by name and fill the range', () => {
  const [a, b] = [seeded(5, 'a'), seeded(5, 'b')];
  expect(Array.from({ length: 5 }, a.next)).not.toEqual(Array.from({ length: 5 }, b.next));
  const dice = Array.from({ length: 6_000 }, () => a.below(6));
  for (const side of [0, 1, 2, 3, 4, 5])
    expect(dice.filter((value) => value === side).length).toBeGreaterThan(800);
});
