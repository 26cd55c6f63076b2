#!/bin/sh
# A tour of the API with curl alone. Start openwx (openwx serve --demo will do), then: sh examples/curl_tour.sh [URL]
#
# Chinese text must be percent-encoded in a URL; --data-urlencode does it.
set -eu

url=${1:-http://127.0.0.1:3000}/openwx

call() {
    name=$1
    shift
    echo "== $name"
    curl --silent --show-error --max-time 60 "$@" "$url/$name"
    echo
}

# Who am I, and how is the account?
call get_user_info
call get_client_info

# Friends and groups. -G puts the parameters into the query.
call search_friend -G --data-urlencode 'displayname=小灰'
call get_group_basic_info

# Send a text: as a query, as a form, as JSON.
call send_friend_message -G --data-urlencode 'displayname=小灰' --data-urlencode 'content=hello from a query'
call send_friend_message --data-urlencode 'displayname=小灰' --data-urlencode 'content=表单里的消息'
call send_friend_message -H 'Content-Type: application/json' -d '{"displayname":"小灰","content":"JSON 里的消息"}'

# Send a picture: the file itself, or where it is. The media_id in the answer can be sent to others.
picture=$(mktemp "${TMPDIR:-/tmp}/tour.XXXXXX")
trap 'rm -f "$picture"' EXIT
printf '%s' 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==' |
    base64 -d >"$picture"
call send_friend_message -F 'displayname=小灰' -F "media=@$picture;filename=dot.png"
call upload_media --data-urlencode "media_path=$picture"

# Do not wait: the answer comes at once, and check_event (or post_api) tells how it ended.
call send_friend_message --data-urlencode 'displayname=小灰' --data-urlencode 'content=later' -d 'async=1'
call check_event -G -d 'timeout=10'

# A picture as an answer.
echo '== get_avatar'
curl --silent --show-error --max-time 60 -G --data-urlencode 'displayname=小灰' --output "$picture" \
    --write-out '%{content_type}, %{size_download} bytes\n' "$url/get_avatar"

# What is wrong is told in plain words: here, which friend?
call send_friend_message -d 'content=nobody gets this'
