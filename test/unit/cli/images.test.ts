import { expect, test } from 'vitest';
import { renderImages } from '../../../cli/images.js';

const image = {
  cloud: 'prod',
  region: 'RegionOne',
  id: 'i',
  name: 'auto-sync/noble\u001b[2J',
  status: 'queued',
  visibility: 'private',
  product: 'p',
  version: '1',
  item: 'disk1.img',
  size: null,
  contentId: 'auto.sync',
  mirror: 'adopted',
};

test('images are a table; one without bytes has no size, and names cannot move the cursor', () => {
  expect(renderImages([image])).toBe(
    'WHERE           ID  NAME                    STATUS  VISIBILITY  PRODUCT  VERSION  ITEM       SIZE  MIRROR\n' +
      'prod/RegionOne  i   auto-sync/noble\\x1b[2J  queued  private     p        1        disk1.img  -     adopted\n',
  );
});

test('no images is said, and no empty table shown', () => {
  expect(renderImages([])).toBe('No images.\n');
});
