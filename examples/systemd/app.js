/**
 * A systemd service. `limpet start` runs this unmodified app on all cores. To try it without systemd:
 *
 *     npx limpet start examples/systemd/app.js
 *
 * As a service: copy this file and a package.json to /srv/shop, and run `npm install limpet` there. Copy shop.service to
 * /etc/systemd/system, and shop.socket too if systemd should open the port. Then run `systemctl enable --now shop`.
 *
 * `systemctl reload shop` replaces the workers. `systemctl kill -s USR2 --kill-whom=main shop` also replaces the primary. Neither refuses
 * a connection.
 */
import http from 'node:http';

let visits = 0;
http
  .createServer((request, response) => {
    visits += 1;
    response.end(`${request.socket.remoteAddress}: process ${process.pid} has answered ${visits} times\n`);
  })
  .listen(Number(process.env.PORT ?? 3000));
